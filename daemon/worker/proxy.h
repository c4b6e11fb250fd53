// Proxy: the handler of a route with `proxy`: requests go on to who stands behind it, and their
// answers back (proxy_request.h does one of them).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/http/forward.h"
#include "daemon/http/response_head.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/upstreams.h"

namespace sockherd::worker {

class ProxyRequest;

class Proxy final : public Handler {
 public:
  explicit Proxy(const config::Route& route);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy() override;

  // Errors: nobody has said who stands behind it.
  Result<void> start(Service& service) override;
  bool takes_unknown_methods() const override { return true; }
  bool passes_path_on() const override { return true; }
  std::unique_ptr<Job> handle(const Request& request, Exchange& exchange) override;

  // --- For its requests

  Service& service() { return *service_; }
  Upstreams& upstreams() { return *upstreams_; }
  const http::ForwardTerms& terms() const { return terms_; }
  http::ReceivedHead& head() { return head_; }  // the one that is being read just now
  const http::ResponseLimits& response_limits() const { return response_limits_; }
  void take_back(ProxyRequest& request);

 private:
  ProxyRequest& new_request();

  std::string key_;
  std::string host_;
  http::ForwardTerms terms_;
  http::ResponseLimits response_limits_{.max_bytes = size_t{24} * 1024};
  Service* service_ = nullptr;
  Upstreams* upstreams_ = nullptr;
  http::ReceivedHead head_;
  std::vector<std::unique_ptr<ProxyRequest>> all_;  // as many as were ever under way together
  std::vector<ProxyRequest*> free_;                 // of these
};

}  // namespace sockherd::worker
