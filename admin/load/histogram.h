// Histogram: durations in nanoseconds, log-linear, as HdrHistogram has them.
//
// 128 buckets an octave: what is read from it is at most 0.8 % above what was recorded (the
// statistics pages have a coarser one, whose bounds are those of Prometheus). Minimum, maximum and
// mean are exact. Plain memory without pointers: it lies in memory that processes share, and is
// read by another process only when its writer has ended.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sockherd::load {

class Histogram {
 public:
  static constexpr unsigned kBits = 7;
  static constexpr uint64_t kPerOctave = uint64_t{1} << kBits;
  static constexpr unsigned kMostBits = 43;  // 2.4 hours; what is longer counts as that
  static constexpr size_t kBuckets = (kMostBits - kBits + 1) * kPerOctave;
  static constexpr uint64_t kMost = (uint64_t{1} << kMostBits) - 1;

  static constexpr size_t bucket_of(uint64_t value) {
    if (value > kMost) value = kMost;
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= kBits) return value;
    const unsigned shift = width - kBits - 1;
    return (shift + 1) * kPerOctave + (value >> shift) - kPerOctave;
  }
  // The highest value that the bucket holds.
  static constexpr uint64_t highest_of(size_t bucket) {
    const uint64_t octave = bucket / kPerOctave;
    if (octave < 2) return bucket;
    const uint64_t shift = octave - 1;
    return ((bucket % kPerOctave + kPerOctave + 1) << shift) - 1;
  }

  void record(uint64_t value) {
    ++buckets_[bucket_of(value)];
    ++count_;
    sum_ += value;
    if (value > max_) max_ = value;
    if (value < min_) min_ = value;
  }
  void merge(const Histogram& other);

  uint64_t count() const { return count_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const;
  // The value that this share of all is not above, 0 to 1. 0 where nothing was recorded.
  uint64_t at(double share) const;
  // How many are above.
  uint64_t above(uint64_t value) const;

 private:
  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
};

}  // namespace sockherd::load
