#include "daemon/io/timer_wheel.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace sockherd::io {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

class Alarm final : public Timer {
 public:
  explicit Alarm(std::function<void(Instant)> act) : act_(std::move(act)) {}

 private:
  void on_due(Instant now) override { act_(now); }
  std::function<void(Instant)> act_;
};

TEST(TimerWheel, FiresWhenDueAndNotBefore) {
  for (const Duration wait :
       {Duration(milliseconds(1)), Duration(milliseconds(63)), Duration(milliseconds(64)),
        Duration(milliseconds(65)), Duration(milliseconds(4096)), Duration(seconds(75)),
        Duration(hours(1)), Duration(hours(30))}) {
    TimerWheel wheel(kStart);
    int fired = 0;
    Alarm alarm([&fired](Instant) { ++fired; });
    wheel.arm(alarm, kStart + wait);
    wheel.advance(kStart + (wait - milliseconds(1)));
    EXPECT_EQ(fired, 0) << wait.count();
    wheel.advance(kStart + wait);
    EXPECT_EQ(fired, 1) << wait.count();
    EXPECT_FALSE(alarm.is_armed());
  }
}

TEST(TimerWheel, FiresAnOverdueTimerAtTheNextTick) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Alarm alarm([&fired](Instant) { ++fired; });
  wheel.arm(alarm, Instant{seconds(1)});
  wheel.advance(kStart + milliseconds(1));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, RoundsUpSoThatNothingFiresEarly) {
  TimerWheel wheel(kStart);
  int fired = 0;
  Alarm alarm([&fired](Instant) { ++fired; });
  wheel.arm(alarm, kStart + std::chrono::microseconds(1500));
  wheel.advance(kStart + milliseconds(1));
  EXPECT_EQ(fired, 0);
  wheel.advance(kStart + milliseconds(2));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, ForgetsACancelledTimer) {
  TimerWheel wheel(kStart);
  Alarm alarm([](Instant) { ADD_FAILURE(); });
  wheel.arm(alarm, kStart + seconds(5));
  alarm.cancel();
  EXPECT_FALSE(wheel.next_wake_up());
  wheel.advance(kStart + seconds(10));
}

TEST(TimerWheel, ForgetsATimerThatIsDestroyed) {
  TimerWheel wheel(kStart);
  {
    Alarm alarm([](Instant) { ADD_FAILURE(); });
    wheel.arm(alarm, kStart + seconds(5));
  }
  EXPECT_FALSE(wheel.next_wake_up());
  wheel.advance(kStart + seconds(10));
}

TEST(TimerWheel, MovesATimerThatIsArmedAgain) {
  TimerWheel wheel(kStart);
  std::vector<Instant> fired;
  Alarm alarm([&fired](Instant now) { fired.push_back(now); });
  wheel.arm(alarm, kStart + seconds(5));
  wheel.arm(alarm, kStart + seconds(50));
  wheel.advance(kStart + seconds(20));
  EXPECT_TRUE(fired.empty());
  wheel.advance(kStart + seconds(50));
  EXPECT_EQ(fired.size(), 1u);
}

TEST(TimerWheel, LetsATimerArmItself) {
  TimerWheel wheel(kStart);
  int fired = 0;
  std::unique_ptr<Alarm> alarm;
  alarm = std::make_unique<Alarm>([&](Instant now) {
    ++fired;
    wheel.arm(*alarm, now + milliseconds(64));  // the same slot, one round later
  });
  wheel.arm(*alarm, kStart + milliseconds(64));
  for (int i = 1; i <= 10; ++i) wheel.advance(kStart + milliseconds(64 * i));
  EXPECT_EQ(fired, 10);
}

TEST(TimerWheel, LetsATimerDestroyOneThatIsDueInTheSameTick) {
  TimerWheel wheel(kStart);
  int fired = 0;
  std::unique_ptr<Alarm> first;
  std::unique_ptr<Alarm> second;
  first = std::make_unique<Alarm>([&](Instant) {
    ++fired;
    second.reset();
  });
  second = std::make_unique<Alarm>([&](Instant) {
    ++fired;
    first.reset();
  });
  wheel.arm(*first, kStart + milliseconds(3));
  wheel.arm(*second, kStart + milliseconds(3));
  wheel.advance(kStart + milliseconds(3));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, SaysWhenToComeBack) {
  TimerWheel wheel(kStart);
  EXPECT_FALSE(wheel.next_wake_up());
  Alarm alarm([](Instant) {});
  wheel.arm(alarm, kStart + milliseconds(40));
  EXPECT_EQ(wheel.next_wake_up(), kStart + milliseconds(40));
  wheel.arm(alarm, kStart + seconds(75));
  Instant now = kStart;
  int wake_ups = 0;
  while (wheel.next_wake_up()) {
    EXPECT_LE(*wheel.next_wake_up(), kStart + seconds(75));
    EXPECT_GT(*wheel.next_wake_up(), now);
    now = *wheel.next_wake_up();
    wheel.advance(now);
    ++wake_ups;
  }
  EXPECT_EQ(now, kStart + seconds(75));
  EXPECT_LE(wake_ups, 4);  // one a level at most
}

// Against the plainest model: every timer fires in the first advance() that is not before it.
TEST(TimerWheel, AgreesWithAListOfDeadlines) {
  std::mt19937 random(42);
  TimerWheel wheel(kStart);
  Instant now = kStart;
  struct Entry {
    std::unique_ptr<Alarm> alarm;
    Instant due;
    bool fired = false;
  };
  std::vector<Entry> entries(400);
  const auto pick_due = [&] {
    const unsigned shift = std::uniform_int_distribution<unsigned>(0, 23)(random);
    return now + milliseconds(1 + random() % (1u << shift));
  };
  for (Entry& entry : entries) {
    entry.alarm = std::make_unique<Alarm>([&entry, &now](Instant at) {
      EXPECT_EQ(at, now);
      EXPECT_LE(entry.due, now);
      entry.fired = true;
    });
    entry.due = pick_due();
    wheel.arm(*entry.alarm, entry.due);
  }
  for (int step = 0; step < 3000; ++step) {
    now = now + milliseconds(1 + random() % (1u << (random() % 16)));
    wheel.advance(now);
    for (Entry& entry : entries) {
      ASSERT_EQ(entry.fired, entry.due <= now);
      if (!entry.fired && random() % 16 != 0) continue;
      entry.due = pick_due();
      entry.fired = false;
      wheel.arm(*entry.alarm, entry.due);
    }
  }
}

}  // namespace
}  // namespace sockherd::io
