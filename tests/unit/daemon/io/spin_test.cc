#include "daemon/io/spin.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sockherd::io {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A loop whose waits are as long as the test says, and which works for a moment between them.
class SpinTest : public ::testing::Test {
 protected:
  // Something comes after `wait`. Returns how long it looked.
  Duration wait(Duration wait) {
    const Duration looked = std::min(spin_.begin(now_), wait);
    now_ = now_ + wait;
    spin_.end(now_, looked, Spin::Outcome::Something);
    now_ = now_ + work_;
    looked_ += looked;
    return looked;
  }
  void wait_often(int times, Duration each) {
    for (int i = 0; i < times; ++i) wait(each);
  }

  Spin spin_{microseconds(20)};
  Instant now_ = Instant{} + seconds(100);
  Duration work_ = microseconds(30);
  Duration looked_{0};
};

TEST_F(SpinTest, SleepsAtOnceUntilWaitsAreShort) {
  wait_often(100, milliseconds(1));
  EXPECT_EQ(looked_, Duration::zero());
}

TEST_F(SpinTest, LooksWhileWaitsAreShort) {
  wait_often(4, microseconds(5));
  EXPECT_EQ(looked_, Duration::zero()) << "that was not known before";
  wait_often(10, microseconds(5));
  EXPECT_EQ(looked_, microseconds(50));
}

TEST_F(SpinTest, GivesTheCpuBackOnceWaitsAreLong) {
  wait_often(50, microseconds(5));
  looked_ = Duration::zero();
  wait_often(1000, milliseconds(1));
  EXPECT_EQ(looked_, microseconds(60)) << "three in vain";
}

TEST_F(SpinTest, ALongWaitNowAndThenDoesNotEndIt) {
  wait_often(50, microseconds(5));
  wait(milliseconds(1));
  EXPECT_EQ(wait(microseconds(5)), microseconds(5));
}

TEST_F(SpinTest, AWaitThatEndsWithNothingIsALongOne) {
  wait_often(50, microseconds(5));
  for (int i = 0; i < 3; ++i) {
    spin_.begin(now_);
    spin_.end(now_, Duration::zero(), Spin::Outcome::Nothing);
  }
  EXPECT_EQ(wait(microseconds(5)), Duration::zero());
}

TEST_F(SpinTest, LooksForHalfOfTheTimeAtMost) {
  work_ = Duration::zero();
  wait_often(50, microseconds(5));
  const Instant began = now_;
  looked_ = Duration::zero();
  wait_often(100'000, microseconds(19));
  EXPECT_LE(looked_, (now_ - began) / 2 + milliseconds(1));
  EXPECT_GT(looked_, (now_ - began) / 3);
}

TEST_F(SpinTest, NeverLooksWhereItIsOff) {
  spin_ = Spin(Duration::zero());
  EXPECT_FALSE(spin_.is_on());
  wait_often(1000, Duration::zero());
  EXPECT_EQ(looked_, Duration::zero());
}

}  // namespace
}  // namespace sockherd::io
