// Spin: whether a loop with nothing to do looks again for a moment before it sleeps.
//
// A wake-up costs more than a short wait where CPUs sleep deeply or belong to somebody else. So
// while the waits of late were shorter than `longest`, the loop does not sleep at once; as soon as
// a few in a row were longer, it does. Whatever comes, it looks in vain for at most half of the
// time. Pure: decides by what it is told of the waits.
#pragma once

#include <cstdint>

#include "daemon/base/instant.h"

namespace sockherd::io {

class Spin {
 public:
  // 0: never.
  explicit Spin(Duration longest) : longest_(longest) {}

  bool is_on() const { return longest_ > Duration::zero(); }

  // A wait begins at `now`. Returns how long to look before sleeping.
  Duration begin(Instant now);

  // It ended at `now`, with something to do or with nothing; of it, the loop looked for `looked`.
  enum class Outcome : uint8_t { Something, Nothing };
  void end(Instant now, Duration looked, Outcome outcome);

 private:
  static constexpr unsigned kShortToBegin = 4;  // waits in a row
  static constexpr unsigned kLongToEnd = 3;
  static constexpr Duration kMostCredit = std::chrono::milliseconds(1);

  Duration longest_;
  Duration credit_ = Duration::zero();  // of time to look; earned as time passes
  Instant began_;                       // the wait
  unsigned short_ = 0;                  // waits in a row
  unsigned long_ = 0;
  bool is_worthwhile_ = false;
};

}  // namespace sockherd::io
