#include "daemon/io/loop.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <functional>

#include "daemon/base/unique_fd.h"
#include "tests/unit/daemon/io/engines.h"

namespace sockherd::io {
namespace {

class Ear final : public Watcher {
 public:
  void on_ready(Events events) override { act(events); }
  std::function<void(Events)> act = [](Events) {};
};

struct Pair {
  Pair() {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    near = UniqueFd(fds[0]);
    far = UniqueFd(fds[1]);
  }
  void speak() { EXPECT_EQ(::send(far.get(), "x", 1, 0), 1); }
  UniqueFd near;
  UniqueFd far;
};

class LoopTest : public ::testing::TestWithParam<LoopKind> {
 protected:
  Watch watch(Pair& pair, Ear& ear, Events events = event::kReadable) {
    return std::move(loop_->watch(pair.near.get(), events, ear)).value();
  }
  void turn() { loop_->turn(loop_->now()); }
  std::unique_ptr<Loop> loop_ = std::move(GetParam().create()).value();
};

INSTANTIATE_TEST_SUITE_P(On, LoopTest, ::testing::ValuesIn(every_loop()), name_of_loop);

TEST_P(LoopTest, CallsWhoIsConcerned) {
  Pair pair;
  Ear ear;
  int heard = 0;
  ear.act = [&](Events events) { heard += (events & event::kReadable) != 0; };
  const Watch watched = watch(pair, ear);
  turn();
  EXPECT_EQ(heard, 0);
  pair.speak();
  turn();
  EXPECT_EQ(heard, 1);
}

TEST_P(LoopTest, StaleEventOfTheSameBatchFindsNobodyHome) {
  Pair pairs[2];
  Ear ears[2];
  Watch watches[2];
  int heard = 0;
  for (int i : {0, 1}) {
    watches[i] = watch(pairs[i], ears[i]);
    ears[i].act = [&, i](Events) {
      ++heard;
      watches[1 - i].end();
    };
    pairs[i].speak();
  }
  turn();
  turn();
  EXPECT_EQ(heard,
            2);  // one in each turn: whoever is first ends the other, then hears itself again
}

TEST_P(LoopTest, StaleEventIsNotTakenForTheNextUserOfTheSamePlace) {
  Pair first;
  Pair second;
  Pair third;
  Ear closer;
  Ear victim;
  Ear successor;
  Watch watches[3];
  watches[0] = watch(first, closer);
  watches[1] = watch(second, victim);
  int wrong = 0;
  victim.act = [&](Events) {};
  successor.act = [&](Events) { ++wrong; };
  closer.act = [&](Events) {
    watches[1].end();
    watches[2] = watch(third, successor);  // takes the place that the victim had
  };
  first.speak();
  second.speak();
  turn();
  EXPECT_EQ(wrong, 0);
}

TEST_P(LoopTest, CallsAgainInTheNextTurnWithoutAnEvent) {
  Pair pair;
  Ear ear;
  int heard = 0;
  Watch watched = watch(pair, ear);
  ear.act = [&](Events events) {
    EXPECT_EQ(events, event::kReadable);
    if (++heard < 3) watched.call_again(event::kReadable);
  };
  watched.call_again(event::kReadable);
  for (int i = 0; i < 5; ++i) loop_->turn(loop_->now());
  EXPECT_EQ(heard, 3);
}

TEST_P(LoopTest, DoesNotCallAgainWhatHasEnded) {
  Pair pair;
  Ear ear;
  ear.act = [](Events) { ADD_FAILURE(); };
  Watch watched = watch(pair, ear);
  watched.call_again(event::kReadable);
  watched.end();
  turn();
}

// As a bell that many wait for has to be: nobody takes what another one waits for.
TEST_P(LoopTest, TellsEveryEdgeOfAnEventThatNobodyReads) {
  const UniqueFd bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  constexpr Events kEdges = event::kReadable | event::kEdge;
  const auto other_loop = std::move(GetParam().create()).value();
  Loop* loops[] = {loop_.get(), other_loop.get()};
  Ear ears[2];
  Watch watches[2];
  int heard[2] = {};
  for (int i : {0, 1}) {
    ears[i].act = [&heard, i](Events) { ++heard[i]; };
    watches[i] = std::move(loops[i]->watch(bell.get(), kEdges, ears[i])).value();
  }
  for (int round = 0; round <= 20; ++round) {
    EXPECT_THAT(heard, testing::Each(round));
    ASSERT_EQ(::eventfd_write(bell.get(), 1), 0);
    for (int i = 0; i < 4; ++i) {  // told in the first of them, and not once more
      for (Loop* loop : loops) loop->turn(loop->now());
    }
  }
}

TEST_P(LoopTest, RefusesADescriptorThatCannotBeWaitedFor) {
  Ear ear;
  EXPECT_FALSE(loop_->watch(-1, event::kReadable, ear).ok());
}

TEST_P(LoopTest, WakesUpForATimer) {
  class Alarm final : public Timer {
   public:
    bool fired = false;

   private:
    void on_due(Instant) override { fired = true; }
  };
  Alarm alarm;
  const Instant due = loop_->now() + std::chrono::milliseconds(2);
  loop_->timers().arm(alarm, due);
  while (!alarm.fired) loop_->turn(loop_->now() + std::chrono::seconds(10));
  EXPECT_GE(loop_->now(), due);
}

TEST_P(LoopTest, MissesNothingWhileItLooksBeforeItSleeps) {
  loop_->look_before_sleep(std::chrono::milliseconds(1));
  Pair pair;
  Ear ear;
  int heard = 0;
  ear.act = [&](Events) {
    char byte = 0;
    heard += ::recv(pair.near.get(), &byte, 1, 0) == 1;
  };
  const Watch watched = watch(pair, ear);
  for (int i = 1; i <= 20; ++i) {  // from the fifth on it looks first
    pair.speak();
    loop_->turn(loop_->now() + std::chrono::seconds(10));
    EXPECT_EQ(heard, i);
  }
}

}  // namespace
}  // namespace sockherd::io
