// What the admin server grants a client. Fixed: this port is for people and scrapers, not for load.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "daemon/http/request.h"

namespace sockherd::api {

struct Limits {
  // Targets are short here, and the router matches them with std::regex, which recurses by length.
  http::HeadLimits head{.max_bytes = size_t{16} * 1024, .max_target_bytes = 2048, .max_fields = 64};
  uint64_t max_body_bytes = uint64_t{1024} * 1024;
  size_t max_connections = 512;
  size_t max_refused_connections = 64;  // beyond those, that only wait for their 503 to be read
  std::chrono::milliseconds request_timeout{10'000};  // first byte (or accept) to last byte
  std::chrono::milliseconds idle_timeout{60'000};     // between requests
  std::chrono::milliseconds write_timeout{30'000};    // a whole answer
  std::chrono::milliseconds linger_timeout{1'000};    // after the answer that closes
  std::chrono::milliseconds stop_timeout{2'000};      // after SIGTERM, for what is under way
};

}  // namespace sockherd::api
