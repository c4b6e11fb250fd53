#include "admin/load/schedule.h"

#include "gtest/gtest.h"

namespace sockherd::load {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

const Instant kStart{hours(5)};

TEST(Schedule, IsAFunctionOfTheNumber) {
  const Schedule schedule(kStart, 1000);
  EXPECT_EQ(schedule.due(0), kStart);
  EXPECT_EQ(schedule.due(1), kStart + milliseconds(1));
  EXPECT_EQ(schedule.due(2500), kStart + milliseconds(2500));
}

TEST(Schedule, LosesNothingInALongRun) {
  const Schedule schedule(kStart, 300'000);
  EXPECT_EQ(schedule.due(uint64_t{300'000} * 3600 * 24), kStart + hours(24));
  const Schedule slow(kStart, 0.5);
  EXPECT_EQ(slow.due(3), kStart + std::chrono::seconds(6));
}

TEST(Schedule, WithoutARateEverythingIsDueAtOnce) {
  EXPECT_EQ(Schedule(kStart, 0).due(1'000'000), kStart);
}

TEST(Portion, TheProcessesTogetherKeepTheRateAndDoNotSendInTheSameMoment) {
  double together = 0;
  for (uint64_t process = 0; process < 3; ++process) {
    const uint64_t mine = process == 0 ? 4 : 3;
    const Portion portion = portion_of(1000, mine, 10, process);
    together += portion.a_second;
    EXPECT_EQ(portion.offset, nanoseconds(process * 1'000'000));
  }
  EXPECT_DOUBLE_EQ(together, 1000);
  EXPECT_EQ(portion_of(0, 1, 2, 1).a_second, 0);
}

}  // namespace
}  // namespace sockherd::load
