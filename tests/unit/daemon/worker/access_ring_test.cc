#include "daemon/worker/access_ring.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace sockherd::worker {
namespace {

std::string take(AccessRing& ring) {
  const auto front = ring.front();
  if (!front) return "nothing";
  std::string record(*front);
  ring.pop();
  return record;
}

TEST(AccessRing, GivesBackWhatWasPutInOrder) {
  AccessRing ring(4096);
  EXPECT_EQ(take(ring), "nothing");
  EXPECT_TRUE(ring.push("one", ""));
  EXPECT_TRUE(ring.push("t", "wo"));
  EXPECT_TRUE(ring.push("", "three"));
  EXPECT_EQ(take(ring), "one");
  EXPECT_EQ(take(ring), "two");
  EXPECT_EQ(take(ring), "three");
  EXPECT_EQ(take(ring), "nothing");
}

TEST(AccessRing, RoundsItsSizeUp) {
  EXPECT_EQ(AccessRing(1).capacity(), 4096u);
  EXPECT_EQ(AccessRing(4097).capacity(), 8192u);
}

TEST(AccessRing, RefusesWhatDoesNotFitAndTakesItLater) {
  AccessRing ring(4096);
  const std::string record(1000, 'x');
  int pushed = 0;
  while (ring.push(record, "")) ++pushed;
  EXPECT_EQ(pushed, 4);
  EXPECT_TRUE(ring.is_half_full());
  EXPECT_EQ(take(ring), record);
  EXPECT_TRUE(ring.push(record, ""));
  EXPECT_FALSE(ring.push(record, ""));
  EXPECT_FALSE(ring.push(std::string(5000, 'y'), ""));
}

TEST(AccessRing, KeepsEveryRecordInOnePieceAtEverySplitOfTheMemory) {
  AccessRing ring(4096);
  // Sizes that meet the end of the memory at every offset.
  for (size_t round = 0; round < 5000; ++round) {
    const std::string record(1 + round * 7 % 1500, static_cast<char>('a' + round % 26));
    ASSERT_TRUE(ring.push(std::string_view(record).substr(0, record.size() / 3),
                          std::string_view(record).substr(record.size() / 3)));
    ASSERT_EQ(take(ring), record) << round;
  }
  EXPECT_EQ(take(ring), "nothing");
}

// Under ThreadSanitizer this is the proof that it needs no lock.
TEST(AccessRing, LosesNothingBetweenTwoThreads) {
  constexpr uint64_t kRecords = 200'000;
  AccessRing ring(4096);
  std::thread producer([&ring] {
    for (uint64_t i = 0; i < kRecords; ++i) {
      const std::string number = std::to_string(i);
      const std::string rest(i % 61, '.');
      while (!ring.push(number, rest)) std::this_thread::yield();
    }
  });
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < kRecords; ++i) {
    auto front = ring.front();
    for (; !front; front = ring.front()) std::this_thread::yield();
    if (*front != std::to_string(i) + std::string(i % 61, '.')) ++wrong;
    ring.pop();
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_FALSE(ring.front());
}

}  // namespace
}  // namespace sockherd::worker
