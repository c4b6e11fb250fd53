// The one place that reads the clock. Pure folders receive the time as an argument instead.
#pragma once

#include <ctime>

#include "daemon/base/instant.h"

namespace sockherd {

inline Instant monotonic_now() {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return {std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec)};
}

// Seconds since 1970, for people and for metrics; nothing is decided by it.
inline double unix_now() {
  timespec ts{};
  ::clock_gettime(CLOCK_REALTIME, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) / 1e9;
}

}  // namespace sockherd
