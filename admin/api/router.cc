#include "admin/api/router.h"

#include <httplib.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admin/api/endpoints.h"
#include "admin/api/handlers.h"
#include "admin/api/problem.h"
#include "daemon/base/assert.h"
#include "daemon/base/log.h"

namespace sockherd::api {
namespace {

// "/v1/pools/{pool}" → "/v1/pools/([^/]+)"
std::string regex_of(std::string_view pattern) {
  std::string regex;
  while (!pattern.empty()) {
    const size_t brace = std::min(pattern.find('{'), pattern.size());
    regex += pattern.substr(0, brace);
    pattern.remove_prefix(brace);
    if (pattern.empty()) break;
    regex += "([^/]+)";
    pattern.remove_prefix(pattern.find('}') + 1);
  }
  return regex;
}

// What httplib takes for a connection: one request line to read, and a hole to write to.
class MemoryStream final : public httplib::Stream {
 public:
  explicit MemoryStream(std::string bytes) : bytes_(std::move(bytes)) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t read(char* buffer, size_t size) override {
    const size_t count = std::min(size, bytes_.size() - read_);
    std::copy_n(bytes_.data() + read_, count, buffer);
    read_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char*, size_t size) override { return static_cast<ssize_t>(size); }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string bytes_;
  size_t read_ = 0;
};

Answer internal_error(const Request& request, const char* what) {
  log::error("admin-handler-failed", {{"path", request.path}, {"reason", what}});
  return answer({.title = "The admin server failed", .detail = "See its log."}, request.path);
}

}  // namespace

class Router::Bridge : private httplib::Server {
 public:
  Bridge() {
    for (const Endpoint& endpoint : endpoints()) add(endpoint);
  }

  Outcome route(const Request& request, bool supervisor_connected) {
    request_ = &request;
    supervisor_connected_ = supervisor_connected;
    outcome_.reset();
    MemoryStream stream(std::string(http::method_name(request.method)) + ' ' + request.path +
                        " HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    bool connection_closed = false;
    process_request(stream, true, connection_closed, {});
    if (outcome_) return *std::move(outcome_);
    return answer(problem_of_status(404, "There is no such path."), request.path);
  }

 private:
  void add(const Endpoint& endpoint) {
    const std::string regex = regex_of(endpoint.pattern);
    const auto run = [this, handler = handler_of(endpoint.id)](const httplib::Request& routed,
                                                               httplib::Response&) {
      outcome_ = guarded(handler, routed);
    };
    switch (endpoint.method) {
      case http::Method::Get:
        Get(regex, run);
        break;
      case http::Method::Post:
        Post(regex, run);
        break;
      case http::Method::Put:
        Put(regex, run);
        break;
      default:
        SH_ASSERT(!"a method that no endpoint had before");
    }
  }

  // The border of the exceptions: none leaves a handler.
  Outcome guarded(api::Handler handler, const httplib::Request& routed) {
    std::vector<std::string> parameters(routed.matches.begin() + 1, routed.matches.end());
    try {
      return handler({*request_, parameters, supervisor_connected_});
    } catch (const std::exception& error) {
      return internal_error(*request_, error.what());
    }
  }

  const Request* request_ = nullptr;  // of the call in progress
  bool supervisor_connected_ = false;
  std::optional<Outcome> outcome_;
};

Router::Router() : bridge_(std::make_unique<Bridge>()) {}
Router::~Router() = default;

Outcome Router::route(const Request& request, bool supervisor_connected) {
  return bridge_->route(request, supervisor_connected);
}

}  // namespace sockherd::api
