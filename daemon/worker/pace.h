// Pace: how fast bytes move in one direction of a connection, and when that is too slow.
//
// Two bounds at a time: a stall (no byte for so long), and a least rate from the begin on, which a
// client that sends or reads one byte now and then (RUDY, slow read) does not keep. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "daemon/base/instant.h"

namespace sockherd::worker {

struct MinimumRate {
  uint64_t bytes_per_second = 0;  // 0: any rate will do
  Duration grace{};               // before it counts
};

class Pace {
 public:
  void begin(Instant now) {
    began_ = moved_at_ = now;
    bytes_ = 0;
  }

  // bytes: in all since begin().
  void note(Instant now, uint64_t bytes) {
    if (bytes <= bytes_) return;
    bytes_ = bytes;
    moved_at_ = std::max(moved_at_, now);
  }
  uint64_t bytes() const { return bytes_; }

  // When it is too slow, if nothing moves until then.
  Instant deadline(Duration stall, const MinimumRate& rate) const {
    const Instant stalled = moved_at_ + stall;
    return rate.bytes_per_second == 0 ? stalled : std::min(stalled, behind_at(rate));
  }

  // Requires: it has been too slow at `now`. Whether that was the rate, and not a stall.
  bool was_behind(Instant now, Duration stall) const { return now < moved_at_ + stall; }

 private:
  Instant behind_at(const MinimumRate& rate) const {
    constexpr double kNsPerSecond = 1e9;
    const double earned =
        static_cast<double>(bytes_) / static_cast<double>(rate.bytes_per_second) * kNsPerSecond;
    constexpr double kCentury = 3e18;  // what counts as never, and still fits
    return began_ + rate.grace + Duration(static_cast<int64_t>(std::min(earned, kCentury)));
  }

  Instant began_;
  Instant moved_at_;
  uint64_t bytes_ = 0;
};

}  // namespace sockherd::worker
