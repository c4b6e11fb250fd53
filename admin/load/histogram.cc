#include "admin/load/histogram.h"

#include <algorithm>
#include <cmath>

namespace sockherd::load {

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

uint64_t Histogram::at(double share) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  const uint64_t wanted = std::clamp<uint64_t>(rank, 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return std::clamp(highest_of(i), min(), max_);
  }
  return max_;
}

uint64_t Histogram::above(uint64_t value) const {
  uint64_t count = 0;
  for (size_t i = bucket_of(value) + 1; i < kBuckets; ++i) count += buckets_[i];
  return count;
}

}  // namespace sockherd::load
