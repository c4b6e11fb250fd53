#include "daemon/stats/histogram.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace sockherd::stats {
namespace {

// What bucket_of must answer, by the definition: the first bound that is not below the value.
size_t brute_force_bucket_of(uint64_t ns) {
  const auto bounds = Histogram::bounds();
  return static_cast<size_t>(
      std::find_if(bounds.begin(), bounds.end(), [ns](uint64_t bound) { return bound >= ns; }) -
      bounds.begin());
}

TEST(Histogram, BoundsAscendFrom10MicrosecondsTo100Seconds) {
  const auto bounds = Histogram::bounds();
  EXPECT_EQ(bounds.front(), 10'000U);
  EXPECT_EQ(bounds.back(), 100'000'000'000U);
  EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end()));
  EXPECT_EQ(std::adjacent_find(bounds.begin(), bounds.end()), bounds.end());
}

TEST(Histogram, HasTheBoundsThatPrometheusUsersExpect) {
  const auto bounds = Histogram::bounds();
  for (const uint64_t ns : {500'000ULL, 1'000'000ULL, 2'500'000ULL, 5'000'000ULL, 10'000'000ULL,
                            25'000'000ULL, 100'000'000ULL, 1'000'000'000ULL, 10'000'000'000ULL})
    EXPECT_TRUE(std::binary_search(bounds.begin(), bounds.end(), ns)) << ns;
}

TEST(Histogram, CountsAValueIntoTheFirstBucketWhoseBoundIsNotBelowIt) {
  std::vector<uint64_t> values = {0, 1, 2, UINT64_MAX, UINT64_MAX - 1};
  for (const uint64_t bound : Histogram::bounds())
    values.insert(values.end(), {bound - 1, bound, bound + 1});
  for (unsigned width = 1; width < 64; ++width)
    values.insert(values.end(), {(uint64_t{1} << width) - 1, uint64_t{1} << width});
  for (const uint64_t ns : values)
    EXPECT_EQ(Histogram::bucket_of(ns), brute_force_bucket_of(ns)) << ns;
}

TEST(Histogram, CountsEverythingAboveTheLastBoundIntoTheLastBucket) {
  EXPECT_EQ(Histogram::bucket_of(100'000'000'000), Histogram::kBuckets - 2);
  EXPECT_EQ(Histogram::bucket_of(100'000'000'001), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
}

}  // namespace
}  // namespace sockherd::stats
