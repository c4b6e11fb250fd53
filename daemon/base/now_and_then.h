// NowAndThen: for what happens again and again, and is said once in ten seconds, with how often.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "daemon/base/instant.h"

namespace sockherd {

class NowAndThen {
 public:
  // It has happened once more. How often since that was said last; nothing = to be said later.
  std::optional<uint64_t> count(Instant now) {
    ++times_;
    if (said_at_ && now - *said_at_ < kPause) return std::nullopt;
    said_at_ = now;
    return std::exchange(times_, 0);
  }

 private:
  static constexpr Duration kPause = std::chrono::seconds(10);

  uint64_t times_ = 0;
  std::optional<Instant> said_at_;
};

}  // namespace sockherd
