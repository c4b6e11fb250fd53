// Backoff: how long a slot waits before its next worker, after so many failures in a row.
//
// The first failure after a stable life costs no wait: what waits in the slot's queue is answered
// at once. Each further one waits `first`, doubled up to `limit`, give or take a fifth, so that
// slots which fail together do not come back together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "daemon/base/instant.h"

namespace sockherd::fleet {

// failures: in a row, at least 1. random: any number, the source of the jitter.
inline Duration backoff_delay(uint32_t failures, Duration first, Duration limit, uint32_t random) {
  if (failures <= 1) return Duration{0};
  const uint32_t doublings = std::min(failures - 2, 20U);
  const Duration wait = std::min(first * (int64_t{1} << doublings), limit);
  const int64_t thousandths = 800 + static_cast<int64_t>(random % 401);
  return wait / 1000 * thousandths;
}

}  // namespace sockherd::fleet
