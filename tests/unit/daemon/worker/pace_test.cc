#include "daemon/worker/pace.h"

#include <gtest/gtest.h>

namespace sockherd::worker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};
constexpr MinimumRate kRate{.bytes_per_second = 100, .grace = seconds(5)};

Instant after(Duration wait) {
  return kStart + wait;
}

TEST(Pace, EndsAtAStall) {
  Pace pace;
  pace.begin(kStart);
  EXPECT_EQ(pace.deadline(seconds(3), {}), after(seconds(3)));
  pace.note(after(seconds(2)), 1);
  EXPECT_EQ(pace.deadline(seconds(3), {}), after(seconds(5)));
  pace.note(after(seconds(4)), 1);  // nothing new
  EXPECT_EQ(pace.deadline(seconds(3), {}), after(seconds(5)));
}

TEST(Pace, EndsWhereTheRateIsNotKept) {
  Pace pace;
  pace.begin(kStart);
  EXPECT_EQ(pace.deadline(seconds(60), kRate), after(seconds(5)));
  pace.note(after(seconds(4)), 50);  // half a second's worth
  EXPECT_EQ(pace.deadline(seconds(60), kRate), after(milliseconds(5500)));
  pace.note(after(seconds(5)), 100'000);
  EXPECT_EQ(pace.deadline(seconds(60), kRate), after(seconds(65)));  // the stall comes first
}

// One byte every second is no stall, and still ends when the grace is over.
TEST(Pace, EndsAClientThatDripsBytes) {
  Pace pace;
  pace.begin(kStart);
  int second = 0;
  while (after(seconds(second)) < pace.deadline(seconds(60), kRate)) {
    ++second;
    pace.note(after(seconds(second)), static_cast<uint64_t>(second));
  }
  EXPECT_EQ(second, 6);
  EXPECT_TRUE(pace.was_behind(after(seconds(second)), seconds(60)));
}

TEST(Pace, KnowsAStallFromARate) {
  Pace pace;
  pace.begin(kStart);
  EXPECT_FALSE(pace.was_behind(after(seconds(60)), seconds(60)));
  EXPECT_TRUE(pace.was_behind(after(seconds(59)), seconds(60)));
}

TEST(Pace, HoldsForAnyNumberOfBytes) {
  Pace pace;
  pace.begin(kStart);
  pace.note(kStart, UINT64_MAX);
  EXPECT_EQ(pace.deadline(seconds(60), {.bytes_per_second = 1, .grace = seconds(5)}),
            after(seconds(60)));
}

}  // namespace
}  // namespace sockherd::worker
