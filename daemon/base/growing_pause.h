// GrowingPause: how long to wait before what has failed is tried again. Doubles from the first to
// the longest. Pure.
#pragma once

#include <algorithm>

#include "daemon/base/instant.h"

namespace sockherd {

class GrowingPause {
 public:
  constexpr GrowingPause(Duration first, Duration longest) : first_(first), longest_(longest) {}

  // It has failed once more.
  constexpr Duration next() {
    last_ = last_ == Duration{0} ? first_ : std::min(last_ * 2, longest_);
    return last_;
  }
  // It has worked.
  constexpr void reset() { last_ = Duration{0}; }

  constexpr Duration last() const { return last_; }  // 0 = none since it worked

 private:
  Duration first_;
  Duration longest_;
  Duration last_{0};
};

}  // namespace sockherd
