#include "admin/load/histogram.h"

#include "gtest/gtest.h"

namespace sockherd::load {
namespace {

TEST(Histogram, EveryValueLiesInItsBucketAndAtMostOnePercentBelowItsEnd) {
  size_t last = 0;
  for (uint64_t value = 0; value < Histogram::kMost; value += 1 + value / 300) {
    const size_t bucket = Histogram::bucket_of(value);
    ASSERT_LT(bucket, Histogram::kBuckets);
    ASSERT_GE(bucket, last);
    ASSERT_GE(Histogram::highest_of(bucket), value);
    ASSERT_LE(Histogram::highest_of(bucket) - value, value / 100);
    if (bucket > 0) {
      ASSERT_LT(Histogram::highest_of(bucket - 1), value);
    }
    last = bucket;
  }
  EXPECT_EQ(Histogram::bucket_of(Histogram::kMost), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
}

TEST(Histogram, TellsQuantilesToOnePercentAndTheEndsExactly) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 100'000; ++value) histogram.record(value * 1000);
  EXPECT_EQ(histogram.count(), 100'000U);
  EXPECT_EQ(histogram.min(), 1000U);
  EXPECT_EQ(histogram.max(), 100'000'000U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 50'000'500.0);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const double wanted = share * 100'000'000;
    EXPECT_NEAR(static_cast<double>(histogram.at(share)), wanted, wanted / 100) << share;
  }
  EXPECT_EQ(histogram.at(1), 100'000'000U);
  EXPECT_NEAR(static_cast<double>(histogram.above(histogram.at(0.5))), 50'000, 500);
}

TEST(Histogram, IsZeroWhereNothingWasRecorded) {
  const Histogram histogram;
  EXPECT_EQ(histogram.at(0.99), 0U);
  EXPECT_EQ(histogram.min(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, MergesAsIfAllHadBeenRecordedInOne) {
  Histogram one;
  Histogram two;
  Histogram all;
  for (uint64_t value = 1; value < 5000; ++value) {
    (value % 3 == 0 ? one : two).record(value * value);
    all.record(value * value);
  }
  one.merge(two);
  EXPECT_EQ(one.count(), all.count());
  EXPECT_EQ(one.min(), all.min());
  EXPECT_EQ(one.max(), all.max());
  EXPECT_EQ(one.mean(), all.mean());
  for (const double share : {0.1, 0.5, 0.999}) EXPECT_EQ(one.at(share), all.at(share));
}

}  // namespace
}  // namespace sockherd::load
