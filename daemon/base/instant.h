// Instant and Duration: the types of time. Reading the clock is daemon/base/clock.h.
#pragma once

#include <chrono>
#include <compare>

namespace sockherd {

using Duration = std::chrono::nanoseconds;

// A point on CLOCK_MONOTONIC, the clock of sd-event and timerfd.
struct Instant {
  Duration since_boot{0};

  // clang-tidy 14 means the 0 inside the defaulted comparison.
  // NOLINTNEXTLINE(modernize-use-nullptr)
  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Instant operator+(Instant at, Duration wait) { return {at.since_boot + wait}; }
  friend Duration operator-(Instant later, Instant earlier) {
    return later.since_boot - earlier.since_boot;
  }
};

}  // namespace sockherd
