#include "admin/api/endpoints.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace sockherd::api {
namespace {

using http::Method;

constexpr std::array kEndpoints = {
    Endpoint{EndpointId::Dashboard, Method::Get, "/", Effect::Reads,
             "The dashboard, a page for people."},
    Endpoint{EndpointId::Metrics, Method::Get, "/metrics", Effect::Reads,
             "Metrics in the Prometheus text format."},
    Endpoint{EndpointId::Livez, Method::Get, "/livez", Effect::Reads,
             "200 while the admin process and the supervisor are alive."},
    Endpoint{EndpointId::Readyz, Method::Get, "/readyz", Effect::Reads,
             "200 while every pool has the workers it needs, else 503; ?verbose says more."},
    Endpoint{EndpointId::Status, Method::Get, "/v1/status", Effect::Reads,
             "The daemon: version, state, last reload, totals over all pools."},
    Endpoint{EndpointId::Pools, Method::Get, "/v1/pools", Effect::Reads, "All pools."},
    Endpoint{EndpointId::Pool, Method::Get, "/v1/pools/{pool}", Effect::Reads, "One pool."},
    Endpoint{EndpointId::Workers, Method::Get, "/v1/pools/{pool}/workers", Effect::Reads,
             "The workers of a pool, with their traffic by slot."},
    Endpoint{EndpointId::Desired, Method::Put, "/v1/pools/{pool}/desired", Effect::Changes,
             "Scales a pool: {\"workers\": 8}."},
    Endpoint{EndpointId::RestartWorker, Method::Post, "/v1/pools/{pool}/workers/{slot}/restart",
             Effect::Changes, "Replaces the worker of one slot; answers when it is done."},
    Endpoint{EndpointId::RestartPool, Method::Post, "/v1/pools/{pool}/restart", Effect::Changes,
             "Replaces the workers of a pool one by one; answers when it is done."},
    Endpoint{EndpointId::Listeners, Method::Get, "/v1/listeners", Effect::Reads,
             "All listening sockets, with their accept queues."},
    Endpoint{EndpointId::Events, Method::Get, "/v1/events", Effect::Reads,
             "What has happened: ?since=N from number N on, ?limit=M at most so many."},
    Endpoint{EndpointId::Reload, Method::Post, "/v1/reload", Effect::Changes,
             "Reads the configuration anew; answers when it is done, with ?wait=0 at once."},
};

// Takes the next "/segment" off `path`; nothing at its end.
std::optional<std::string_view> take_segment(std::string_view& path) {
  if (path.empty() || path[0] != '/') return std::nullopt;
  const size_t end = std::min(path.find('/', 1), path.size());
  const std::string_view segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

bool matches(std::string_view pattern, std::string_view path) {
  while (const auto wanted = take_segment(pattern)) {
    const auto segment = take_segment(path);
    if (!segment) return false;
    if (wanted->starts_with('{') ? segment->empty() : *segment != *wanted) return false;
  }
  return path.empty();
}

bool is_unreserved(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::optional<uint8_t> decode_octet(std::string_view digits) {
  uint8_t octet = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, octet, 16);
  if (digits.size() != 2 || error != std::errc{} || stop != end) return std::nullopt;
  return octet;
}

}  // namespace

std::span<const Endpoint> endpoints() {
  return kEndpoints;
}

const Endpoint* PathMatch::find(Method method) const {
  const Method wanted = method == Method::Head ? Method::Get : method;
  for (const Endpoint* endpoint : endpoints)
    if (endpoint->method == wanted) return endpoint;
  return nullptr;
}

std::string PathMatch::allowed_methods() const {
  std::string allowed;
  for (const Endpoint* endpoint : endpoints) {
    allowed += http::method_name(endpoint->method);
    allowed += endpoint->method == Method::Get ? ", HEAD, " : ", ";
  }
  return allowed + "OPTIONS";
}

PathMatch match_path(std::string_view path) {
  PathMatch match;
  for (const Endpoint& endpoint : kEndpoints)
    if (matches(endpoint.pattern, path)) match.endpoints.push_back(&endpoint);
  return match;
}

std::string normalize_path(std::string_view path) {
  std::string normal;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      normal += path[i];
      continue;
    }
    const auto octet = decode_octet(path.substr(i + 1, 2));
    if (!octet || !is_unreserved(*octet)) return "";
    normal += static_cast<char>(*octet);
    i += 2;
  }
  return normal;
}

std::string describe_endpoints() {
  std::string out;
  for (const Endpoint& endpoint : kEndpoints) {
    out += http::method_name(endpoint.method);
    out += '\t';
    out += endpoint.pattern;
    out += endpoint.effect == Effect::Changes ? "\tchanges\t" : "\treads\t";
    out += endpoint.help;
    out += '\n';
  }
  return out;
}

}  // namespace sockherd::api
