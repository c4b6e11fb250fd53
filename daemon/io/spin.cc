#include "daemon/io/spin.h"

#include <algorithm>

namespace sockherd::io {

Duration Spin::begin(Instant now) {
  credit_ = std::min(kMostCredit, credit_ + (now - began_) / 2);
  began_ = now;
  return is_worthwhile_ && credit_ >= longest_ ? longest_ : Duration::zero();
}

void Spin::end(Instant now, Duration looked, Outcome outcome) {
  credit_ -= looked;
  if (outcome == Outcome::Something && now - began_ <= longest_) {
    long_ = 0;
    short_ = std::min(short_ + 1, kShortToBegin);
    if (short_ == kShortToBegin) is_worthwhile_ = true;
  } else {
    short_ = 0;
    long_ = std::min(long_ + 1, kLongToEnd);
    if (long_ == kLongToEnd) is_worthwhile_ = false;
  }
}

}  // namespace sockherd::io
