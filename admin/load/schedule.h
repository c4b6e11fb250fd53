// Schedule: when each of many events is due, at a fixed rate. Pure.
//
// The times are a function of the number, so nothing that is late moves what comes after it: that
// is what keeps coordinated omission out of a measurement.
#pragma once

#include <cmath>
#include <cstdint>

#include "daemon/base/instant.h"

namespace sockherd::load {

class Schedule {
 public:
  Schedule() = default;
  // a_second: 0 for no rate at all: everything is due at once.
  Schedule(Instant start, double a_second) : start_(start), a_second_(a_second) {}

  Instant due(uint64_t number) const {
    if (a_second_ <= 0) return start_;
    // Of whole seconds and the rest, so that no precision is lost in a long run.
    const double at = static_cast<double>(number) / a_second_;
    const double seconds = std::floor(at);
    return start_ + std::chrono::seconds(static_cast<int64_t>(seconds)) +
           Duration(static_cast<int64_t>((at - seconds) * 1e9));
  }

 private:
  Instant start_;
  double a_second_ = 0;
};

// The share of one of several processes in a rate, by how many of all connections it has; and when
// it begins, so that they do not all send in the same moment.
struct Portion {
  double a_second = 0;
  Duration offset{0};
};
inline Portion portion_of(double rate, uint64_t mine, uint64_t all, uint64_t process) {
  if (rate <= 0 || all == 0) return {};
  return {rate * static_cast<double>(mine) / static_cast<double>(all),
          Duration(static_cast<int64_t>(static_cast<double>(process) * 1e9 / rate))};
}

}  // namespace sockherd::load
