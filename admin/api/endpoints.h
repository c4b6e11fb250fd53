// THE endpoint table: every method and path that the admin server answers.
//
// From it come the routes, 405 with its Allow field, OPTIONS, the content type rule for what
// changes things, and the check against the manual page (`sockherd-admin --list-endpoints`). HEAD
// goes with every GET, OPTIONS with every path. Which function answers is handlers.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/request.h"

namespace sockherd::api {

enum class Effect : uint8_t { Reads, Changes };

enum class EndpointId : uint8_t {
  Dashboard,
  Metrics,
  Livez,
  Readyz,
  Status,
  Pools,
  Pool,
  Workers,
  Desired,
  RestartWorker,
  RestartPool,
  Listeners,
  Events,
  Reload,
};

struct Endpoint {
  EndpointId id;
  http::Method method;
  std::string_view pattern;  // "{name}" stands for one non-empty segment
  Effect effect;
  std::string_view help;
};

std::span<const Endpoint> endpoints();

// What a path leads to: the endpoints that share it (they differ in method). None: there is no such
// path.
struct PathMatch {
  std::vector<const Endpoint*> endpoints;

  // The endpoint for `method`, HEAD counted as GET; null if the path has no such method.
  const Endpoint* find(http::Method method) const;

  // "GET, HEAD, OPTIONS"
  std::string allowed_methods() const;
};
PathMatch match_path(std::string_view path);

// The path with percent-encoded unreserved characters decoded (RFC 3986 section 6.2.2.2), or ""
// where anything else is encoded: no endpoint has such a path, and a decoded "/" would be another
// path for the next reader.
std::string normalize_path(std::string_view path);

// The table for people and scripts: method, path, effect, help, separated by tabs.
std::string describe_endpoints();

}  // namespace sockherd::api
