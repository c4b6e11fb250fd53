#include "daemon/fleet/backoff.h"

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

TEST(Backoff, FirstFailureIsFreeThenDoublesUpToTheLimit) {
  const auto delay = [](uint32_t failures) {
    return backoff_delay(failures, milliseconds(100), seconds(1), 200);  // 200: no jitter
  };
  EXPECT_EQ(delay(1), milliseconds(0));
  EXPECT_EQ(delay(2), milliseconds(100));
  EXPECT_EQ(delay(3), milliseconds(200));
  EXPECT_EQ(delay(5), milliseconds(800));
  EXPECT_EQ(delay(6), seconds(1));
  EXPECT_EQ(delay(4000000000U), seconds(1));
}

TEST(Backoff, JitterIsAFifthEitherWay) {
  for (uint32_t random = 0; random < 5000; random += 7) {
    const Duration wait = backoff_delay(2, milliseconds(100), seconds(1), random);
    EXPECT_GE(wait, milliseconds(80));
    EXPECT_LE(wait, milliseconds(120));
  }
}

}  // namespace
}  // namespace sockherd::fleet
