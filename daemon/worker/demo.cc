#include "daemon/worker/demo.h"

#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "daemon/base/parse.h"
#include "daemon/http/date.h"
#include "daemon/worker/demo_page.h"

namespace sockherd::worker {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kHello = "Hello, World!";
constexpr http::Field kNoSniffing = {"X-Content-Type-Options", "nosniff"};
constexpr http::Field kNotStored = {"Cache-Control", "no-store"};

constexpr unsigned kDefaultFibonacci = 27;  // about a millisecond
constexpr unsigned kMostFibonacci = 32;     // about ten
constexpr unsigned kDefaultIoMs = 5;
constexpr unsigned kMostIoMs = 10'000;
constexpr size_t kMostEcho = size_t{16} << 20;  // it stands in memory, whatever max_body_size says

// The value of `name` in "a=1&b=2"; nothing if it is not there.
std::optional<std::string_view> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.substr(0, pair.find('=')) == name) {
      return pair.substr(std::min(name.size() + 1, pair.size()));
    }
  }
  return std::nullopt;
}

uint64_t fibonacci(unsigned n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

std::string json_string(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') quoted += '\\';
    if (byte >= 0x20) {
      quoted += c;
    } else {
      quoted += "\\u00";
      quoted += kDigits[byte >> 4];
      quoted += kDigits[byte & 15];
    }
  }
  return quoted + '"';
}

std::string json_of(const Identity& identity) {
  return "{\"pool\":" + json_string(identity.pool) + ",\"slot\":" + std::to_string(identity.slot) +
         ",\"generation\":" + std::to_string(identity.generation) +
         ",\"pid\":" + std::to_string(identity.pid) +
         (identity.threads > 1 ? ",\"thread\":" + std::to_string(identity.thread) : "") + "}\n";
}

class IoJob final : public Job, private io::Timer {
 public:
  IoJob(Exchange& exchange, unsigned ms) : exchange_(exchange), ms_(ms) {
    exchange.loop().timers().arm(*this, exchange.loop().now() + std::chrono::milliseconds(ms));
  }

 private:
  void on_due(Instant /*now*/) override {
    exchange_.answer({.content_type = kText,
                      .content = "Waited " + std::to_string(ms_) + " ms, and held nobody up.\n"});
  }

  Exchange& exchange_;
  unsigned ms_;
};

class EchoJob final : public Job {
 public:
  explicit EchoJob(Exchange& exchange) : exchange_(exchange) {}

  void on_body(std::string_view piece) override {
    if (body_.size() + piece.size() > kMostEcho) {
      exchange_.answer_error(413, "more than this echo remembers", {});
      return;
    }
    body_ += piece;
  }

  // Not with the type that the client claims: what comes back must not run in a browser.
  void on_body_end() override {
    constexpr std::array kFields = {kNoSniffing};
    exchange_.answer({.content_type = "application/octet-stream",
                      .fields = kFields,
                      .content = std::move(body_)});
  }

 private:
  Exchange& exchange_;
  std::string body_;
};

}  // namespace

Demo::Demo(std::string_view prefix, const Identity& identity)
    : prefix_bytes_(prefix.ends_with('/') ? prefix.size() - 1 : prefix.size()),
      identity_json_(json_of(identity)) {
  constexpr std::string_view kLine =
      "sockherd puts a service on every core and never loses a connection.\n";
  constexpr size_t kTenKilobytes = 10'240;
  while (ten_kilobytes_.size() < kTenKilobytes) ten_kilobytes_ += kLine;
  ten_kilobytes_.resize(kTenKilobytes);
}

const Demo::Endpoint* Demo::find(std::string_view path) {
  constexpr std::string_view kRead = "GET, HEAD, OPTIONS";
  static constexpr std::array kEndpoints = {
      Endpoint{"/plaintext", kRead, &Demo::plaintext},
      Endpoint{"/10k", kRead, &Demo::ten_kilobytes},
      Endpoint{"/whoami", kRead, &Demo::whoami},
      Endpoint{"/time", kRead, &Demo::time},
      Endpoint{"/cpu", kRead, &Demo::cpu},
      Endpoint{"/io", kRead, &Demo::io},
      Endpoint{"/echo", "POST, OPTIONS", &Demo::echo},
      Endpoint{"/", kRead, &Demo::page},
  };
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.path == path) return &endpoint;
  }
  return nullptr;
}

std::unique_ptr<Job> Demo::handle(const Request& request, Exchange& exchange) {
  const std::string_view path = request.path.substr(prefix_bytes_);
  const Endpoint* endpoint = find(path.empty() ? "/" : path);
  if (endpoint == nullptr) {
    exchange.answer_error(404, "the demo has no such page", {});
    return nullptr;
  }
  const http::Method method = request.head.method;
  const bool reads = method == http::Method::Get || method == http::Method::Head;
  const bool is_allowed = endpoint->act == &Demo::echo ? method == http::Method::Post : reads;
  if (is_allowed) return (this->*endpoint->act)(request, exchange);
  const std::array fields = {http::Field{"Allow", endpoint->allow}};
  if (method == http::Method::Options) {
    exchange.answer({.status = 204, .fields = fields});
  } else {
    exchange.answer_error(405, "", fields);
  }
  return nullptr;
}

std::unique_ptr<Job> Demo::page(const Request& /*request*/, Exchange& exchange) const {
  constexpr std::array kFields = {
      kNoSniffing, http::Field{"Referrer-Policy", "no-referrer"},
      http::Field{"Content-Security-Policy",
                  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                  "frame-ancestors 'none'"}};
  exchange.answer(
      {.content_type = "text/html; charset=utf-8", .fields = kFields, .content = demo_page()});
  return nullptr;
}

std::unique_ptr<Job> Demo::plaintext(const Request& /*request*/, Exchange& exchange) const {
  exchange.answer({.content_type = "text/plain", .content = kHello});
  return nullptr;
}

std::unique_ptr<Job> Demo::ten_kilobytes(const Request& /*request*/, Exchange& exchange) const {
  exchange.answer({.content_type = kText, .content = std::string_view(ten_kilobytes_)});
  return nullptr;
}

std::unique_ptr<Job> Demo::cpu(const Request& request, Exchange& exchange) const {
  unsigned n = kDefaultFibonacci;
  if (const auto wanted = query_value(request.head.query, "n")) {
    const auto number = parse_number<unsigned>(*wanted);
    if (!number || *number > kMostFibonacci) {
      exchange.answer_error(400, "n is a number from 0 to 32", {});
      return nullptr;
    }
    n = *number;
  }
  exchange.answer(
      {.content_type = kText,
       .content = "fibonacci(" + std::to_string(n) + ") = " + std::to_string(fibonacci(n)) + "\n"});
  return nullptr;
}

std::unique_ptr<Job> Demo::io(const Request& request, Exchange& exchange) const {
  unsigned ms = kDefaultIoMs;
  if (const auto wanted = query_value(request.head.query, "ms")) {
    const auto number = parse_number<unsigned>(*wanted);
    if (!number || *number > kMostIoMs) {
      exchange.answer_error(400, "ms is a number from 0 to 10000", {});
      return nullptr;
    }
    ms = *number;
  }
  return std::make_unique<IoJob>(exchange, ms);
}

std::unique_ptr<Job> Demo::time(const Request& /*request*/, Exchange& exchange) const {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto date = http::format_date(std::chrono::floor<std::chrono::seconds>(wall).count());
  exchange.answer({.content_type = kText,
                   .content = "Hello world! The time is " + std::string(date.data(), date.size())});
  return nullptr;
}

std::unique_ptr<Job> Demo::whoami(const Request& request, Exchange& exchange) const {
  constexpr std::array kFields = {kNotStored, kNoSniffing};
  const bool closes = query_value(request.head.query, "close") == "1";
  exchange.answer({.content_type = "application/json",
                   .fields = kFields,
                   .content = std::string_view(identity_json_),
                   .persistence = closes ? Persistence::Close : Persistence::Keep});
  return nullptr;
}

// RFC 1945 section 7.2.2: without a length, nobody knows where the body of an HTTP/1.0 request
// ends.
std::unique_ptr<Job> Demo::echo(const Request& request, Exchange& exchange) const {
  if (request.head.minor_version == 0 && request.head.body == http::BodyKind::None) {
    exchange.answer_error(411, "", {});
    return nullptr;
  }
  return std::make_unique<EchoJob>(exchange);
}

}  // namespace sockherd::worker
