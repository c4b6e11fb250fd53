// UpstreamSettings: what the configuration says of the proxy in front of a pool, in the types that
// the engine works with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/config/config.h"

namespace sockherd::worker {

// What is not said here is as the option table says (limits_test.cc).
struct UpstreamSettings {
  uint32_t max_in_flight = 0;  // at one place, of all who ask; 0 = any
  uint32_t queue_depth = 1024;
  uint32_t eject_failures = 3;    // 0 = never
  size_t idle_connections = 128;  // of a lane, to one place
  Duration queue_timeout = std::chrono::seconds(5);
  Duration request_timeout = std::chrono::seconds(30);
  Duration connect_timeout = std::chrono::seconds(1);
  Duration tunnel_timeout = std::chrono::hours(1);
  Duration idle_timeout = std::chrono::seconds(30);
  Duration eject_time = std::chrono::seconds(5);
  Duration probe_interval = std::chrono::seconds(1);  // 0 = never
  Duration slow_start = std::chrono::seconds(5);
  std::string probe;  // path; "" = a connection

  // pool: that is asked, or, for fixed addresses, whose route it is.
  static UpstreamSettings of(const config::Pool& pool);
};

}  // namespace sockherd::worker
