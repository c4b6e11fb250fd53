// Workers that live and make no progress.
#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Hang, AHungWorkerIsAbortedThenKilledAndItsSlotGetsAnotherOneAtOnce) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId hung = herd.current(1);
  herd.on(WorkerHung{hung, "its loop stands still"});
  EXPECT_TRUE(herd.processes.at(hung).aborted);
  EXPECT_THAT(herd.served(), ElementsAre(0));
  EXPECT_NE(herd.current(1), 0U);
  herd.live_through(milliseconds(1999));
  EXPECT_FALSE(herd.processes.at(hung).killed) << "its core is being written";
  herd.live_through(milliseconds(1));
  EXPECT_TRUE(herd.processes.at(hung).killed);
  herd.exit(hung, ExitKind::Signal, 9);
  EXPECT_EQ(herd.pool().exits.hang, 1U);
  EXPECT_EQ(herd.pool().exits.signal, 0U);
  EXPECT_EQ(herd.count(What::WorkerHung), 1U);
  EXPECT_EQ(herd.count(What::WorkerCrashed), 0U) << "told once";
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
}

TEST(Hang, AHungWorkerCanNotAskForMoreTime) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  const WorkerId hung = herd.current(0);
  herd.on(WorkerHung{hung, "test"});
  herd.on(WorkerExtends{hung, seconds(1000)});
  herd.live_through(seconds(2));
  EXPECT_TRUE(herd.processes.at(hung).killed);
}

TEST(Hang, OnlyAReadyWorkerHangs) {
  Herd herd;
  herd.start(1);
  const WorkerId starting = herd.current(0);
  herd.on(WorkerHung{starting, "test"});
  EXPECT_FALSE(herd.processes.at(starting).aborted) << "start_timeout is for that";
  herd.all_ready();
  herd.on(WorkerHung{starting, "test"});
  herd.on(WorkerHung{starting, "test"});
  EXPECT_EQ(herd.count(What::WorkerHung), 1U);
}

TEST(Hang, AnIncomingWorkerThatHangsFailsTheRollout) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  const WorkerId old = herd.current(0);
  PoolSpec pool = pool_spec("web", 1);
  pool.ready_for = seconds(5);
  herd.reload(pool);
  herd.all_ready();
  const WorkerId hung = herd.incoming(0);
  herd.on(WorkerHung{hung, "test"});
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_THAT(herd.concluded[0].reasons.at(0), HasSubstr("hang: test"));
  EXPECT_EQ(herd.current(0), old);
  EXPECT_TRUE(herd.processes.at(hung).aborted);
  EXPECT_FALSE(herd.processes.at(hung).told_to_drain) << "it would not hear it";
}

TEST(Hang, ALeavingWorkerThatHangsIsReplacedToEmptyItsQueue) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Scale{"web", 1});
  const WorkerId hung = herd.current(1);
  herd.on(WorkerHung{hung, "test"});
  ASSERT_NE(herd.current(1), 0U);
  EXPECT_NE(herd.current(1), hung);
  herd.settle();
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Hang, AReplacedWorkerThatHangsBeforeItIsQuietChangesNothingForItsSuccessor) {
  Herd herd;
  PoolSpec two = pool_spec("web", 1);
  two.listeners = {"web", "old"};
  herd.serve(two);
  const WorkerId old = herd.current(0);
  herd.reload(pool_spec("web", 1));
  herd.all_ready();
  const WorkerId successor = herd.current(0);
  herd.on(WorkerHung{old, "test"});
  EXPECT_TRUE(herd.processes.at(old).aborted);
  EXPECT_EQ(herd.current(0), successor);
  EXPECT_EQ(herd.slot(0).restarts, 0U);
}

TEST(Hang, IsCountedByReasonAndKeptForTheNextSupervisor) {
  Herd herd;
  herd.start(3);
  herd.all_ready();
  herd.on(WorkerHung{herd.current(0), "test", HangReason::Loop});
  herd.on(WorkerHung{herd.current(1), "test", HangReason::Queue});
  herd.on(WorkerHung{herd.current(2), "test", HangReason::Watchdog});
  herd.all_ready();
  herd.on(WorkerHung{herd.current(2), "test", HangReason::Watchdog});
  herd.succeed(spec_of(3));
  EXPECT_EQ(herd.pool().hangs.loop, 1U);
  EXPECT_EQ(herd.pool().hangs.queue, 1U);
  EXPECT_EQ(herd.pool().hangs.watchdog, 2U);
}

TEST(Stall, NewConnectionsGoToSiblingsUntilItGoesOn) {
  Herd herd;
  herd.start(3);
  herd.all_ready();
  herd.on(WorkerStalls{herd.current(1), Flow::Stands});
  EXPECT_THAT(herd.served(), ElementsAre(0, 2));
  herd.on(WorkerStalls{herd.current(1), Flow::Stands});
  EXPECT_EQ(herd.count(What::WorkerStalls), 1U) << "told once";
  herd.on(WorkerStalls{herd.current(1), Flow::Goes});
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2));
  EXPECT_EQ(herd.count(What::WorkerGoesOn), 1U);
}

TEST(Stall, WithoutASiblingItIsServedOn) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(WorkerStalls{herd.current(0), Flow::Stands});
  herd.on(WorkerStalls{herd.current(1), Flow::Stands});
  EXPECT_THAT(herd.served(), ElementsAre(0, 1)) << "nobody is better than they are";
  herd.on(WorkerStalls{herd.current(1), Flow::Goes});
  EXPECT_THAT(herd.served(), ElementsAre(1));
  herd.crash(1);
  EXPECT_THAT(herd.served(), ElementsAre(0)) << "a worker in doubt is better than none";
}

TEST(Stall, ItsSuccessorIsServedAtOnce) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(WorkerStalls{herd.current(0), Flow::Stands});
  herd.on(WorkerHung{herd.current(0), "test", HangReason::Queue});
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
}

TEST(Stall, OnlyAReadyWorkerDoes) {
  Herd herd;
  herd.start(2);
  herd.on(WorkerStalls{herd.current(0), Flow::Stands});
  herd.on(WorkerStalls{999, Flow::Stands});
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
}

// Worker in slot 1 has crashed so often in a row, and is ready again.
void crash_in_a_row(Herd& herd, int times) {
  for (int i = 0; i < times; ++i) {
    herd.crash(1);
    while (herd.current(1) == 0) herd.live_through(milliseconds(100));
    herd.all_ready();
  }
}

TEST(Probation, AfterTheSecondCrashInARowASlotIsServedOnlyOnceItsWorkerLasts) {
  Herd herd;
  herd.start(3);
  herd.all_ready();
  crash_in_a_row(herd, 1);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2)) << "one crash is no loop";
  crash_in_a_row(herd, 1);
  EXPECT_THAT(herd.served(), ElementsAre(0, 2));
  herd.live_through(milliseconds(999));
  EXPECT_THAT(herd.served(), ElementsAre(0, 2));
  herd.live_through(milliseconds(1));
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2));
}

TEST(Probation, LastsLongerEachTimeUpToAStableLife) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  crash_in_a_row(herd, 2);
  for (const int expected : {1, 2, 4, 8, 10, 10}) {  // stable_after is 10 s
    const WorkerId id = herd.current(1);
    EXPECT_EQ(herd.worker(id).serve_at, herd.now + seconds(expected));
    crash_in_a_row(herd, 1);
  }
}

TEST(Probation, IsOfNoUseWithoutASibling) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  crash_in_a_row(herd, 2);
  herd.crash(0);
  EXPECT_THAT(herd.served(), ElementsAre(1));
}

// The one without doubt leaves, and the one that stays stalls: that is no reason to serve one for
// the first time that goes as well.
TEST(Probation, WhoWasNeverServedIsNotServedOnItsWayOut) {
  Herd herd;
  herd.start(3);
  herd.on(WorkerReady{herd.current(0)});
  herd.on(WorkerReady{herd.current(1)});
  for (int i = 0; i < 2; ++i) {
    herd.exit(herd.current(2));
    herd.live_through(seconds(1));
  }
  const WorkerId doubtful = herd.current(2);
  herd.on(WorkerReady{doubtful});
  herd.on(WorkerStalls{herd.current(0)});
  ASSERT_THAT(herd.served(), ElementsAre(1));
  herd.on(Scale{"web", 1});
  EXPECT_THAT(herd.served(), ElementsAre(0));
  EXPECT_TRUE(herd.processes.at(doubtful).must_go());
  EXPECT_EQ(herd.current(2), 0U);
}

TEST(Probation, IsNotForThoseWhoseQueuesSiblingsTake) {
  Herd herd;
  PoolSpec pool = pool_spec("web", 2);
  pool.can_lend = true;
  herd.serve(pool);
  crash_in_a_row(herd, 3);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
}

TEST(Hang, AWorkerThatHangsAgainAndAgainWaitsLonger) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  for (int i = 0; i < 2; ++i) {
    herd.on(WorkerHung{herd.current(1), "test"});
    herd.all_ready();
  }
  EXPECT_EQ(herd.current(1), 0U) << "the second one in a row";
  herd.live_through(milliseconds(120));
  EXPECT_NE(herd.current(1), 0U);
}

}  // namespace
}  // namespace sockherd::fleet
