// Backoff: how long to wait before the next attempt. Doubles from 100 ms to 5 s, and each wait is
// somewhere in the half around that, so that those who lost the same server do not come back to it
// together. Pure: the chance is an argument.
#pragma once

#include <chrono>
#include <cstdint>

#include "daemon/base/growing_pause.h"

namespace sockherd::rooms {

class Backoff {
 public:
  static constexpr Duration kFirst = std::chrono::milliseconds(100);
  static constexpr Duration kLongest = std::chrono::seconds(5);

  // After a failure. random: any number.
  Duration next(uint64_t random) {
    const Duration base = pause_.next();
    constexpr uint64_t kSteps = 1024;
    return base * 3 / 4 + base / 2 * static_cast<int64_t>(random % (kSteps + 1)) / kSteps;
  }
  // It has worked.
  void reset() { pause_.reset(); }

 private:
  GrowingPause pause_{kFirst, kLongest};
};

}  // namespace sockherd::rooms
