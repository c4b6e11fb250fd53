#include "daemon/sys/affinity.h"

#include <gmock/gmock.h>

#include "daemon/sys/thread.h"

namespace sockherd::sys {
namespace {

using testing::ElementsAre;

TEST(Affinity, ThreadsTakeTurnsInTheOrderOfTheirSlots) {
  const std::vector<uint32_t> allowed = {2, 3, 8, 9};
  std::vector<uint32_t> cpus;
  for (uint32_t slot = 0; slot < 3; ++slot) {
    for (uint32_t thread = 0; thread < 2; ++thread) {
      cpus.push_back(cpu_of(allowed, slot, thread, 2));
    }
  }
  EXPECT_THAT(cpus, ElementsAre(2, 3, 8, 9, 2, 3));
  EXPECT_EQ(cpu_of(allowed, 4'000'000'000U, 63, 64), 9U) << "not lost by an overflow";
}

TEST(Affinity, PinsTheCallingThreadOnly) {
  const std::vector<uint32_t> before = allowed_cpus();
  ASSERT_FALSE(before.empty());
  std::vector<uint32_t> inside;
  auto thread = Thread::start("pinned", [&] {
    ASSERT_TRUE(pin_to(before.back()).ok());
    inside = allowed_cpus();
  });
  ASSERT_TRUE(thread.ok()) << thread.error().what;
  thread.value().join();
  EXPECT_THAT(inside, ElementsAre(before.back()));
  EXPECT_EQ(allowed_cpus(), before);
}

TEST(Affinity, RefusesACpuThatIsNotThere) {
  auto thread = Thread::start("nowhere", [] { EXPECT_EQ(pin_to(1023).error().code, EINVAL); });
  ASSERT_TRUE(thread.ok());
}

TEST(Thread, IsWaitedForWhenItIsDestroyed) {
  int done = 0;
  {
    auto started = Thread::start("a name that is too long for the kernel", [&done] { done = 1; });
    ASSERT_TRUE(started.ok());
    Thread moved = std::move(started).value();
    Thread kept;
    kept = std::move(moved);
  }
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace sockherd::sys
