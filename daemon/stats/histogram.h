// The histogram of durations: nine buckets a decade from 10 us to 100 s, exact at the boundaries
// that Prometheus users expect (0.5 ms, 1 ms, 2.5 ms, 5 ms, ...).
//
// A bucket counts values up to and including its bound, as Prometheus' "le" does. Decimal bounds
// cost a table look-up more than powers of two, and spare the admin side an approximation.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sockherd::stats {

class Histogram {
 public:
  static constexpr size_t kDecades = 7;
  static constexpr size_t kPerDecade = 9;
  static constexpr size_t kBounds = kDecades * kPerDecade + 1;  // the last one is 100 s itself
  static constexpr size_t kBuckets = kBounds + 1;               // and one for everything above

  // Upper bounds in nanoseconds, ascending.
  static constexpr std::array<uint64_t, kBounds> bounds() {
    constexpr std::array<uint64_t, kPerDecade> kSteps = {10, 15, 20, 25, 30, 40, 50, 60, 80};
    std::array<uint64_t, kBounds> all{};
    uint64_t scale = 1000;  // 10 us = 10 * 1000 ns
    for (size_t decade = 0; decade < kDecades; ++decade, scale *= 10) {
      for (size_t i = 0; i < kPerDecade; ++i) all[decade * kPerDecade + i] = kSteps[i] * scale;
    }
    all[kBounds - 1] = 10 * scale;
    return all;
  }

  // The bucket that counts `ns`: the first whose bound is not below it.
  static size_t bucket_of(uint64_t ns);
};

namespace detail {
inline constexpr std::array<uint64_t, Histogram::kBounds> kBoundsNs = Histogram::bounds();

// For each bit width of a value, the first bucket that a value of that width can fall into.
inline constexpr std::array<uint8_t, 65> kFirstOfWidth = [] {
  std::array<uint8_t, 65> first{};
  for (size_t width = 0; width <= 64; ++width) {
    const uint64_t least = width == 0 ? 0 : uint64_t{1} << (width - 1);
    size_t i = 0;
    while (i < Histogram::kBounds && kBoundsNs[i] < least) ++i;
    first[width] = static_cast<uint8_t>(i);
  }
  return first;
}();
}  // namespace detail

inline size_t Histogram::bucket_of(uint64_t ns) {
  size_t i = detail::kFirstOfWidth[static_cast<size_t>(std::bit_width(ns))];
  while (i < kBounds && detail::kBoundsNs[i] < ns) ++i;  // at most four steps: bounds per octave
  return i;
}

}  // namespace sockherd::stats
