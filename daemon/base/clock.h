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

}  // namespace sockherd
