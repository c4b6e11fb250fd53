#include "daemon/fleet/fleet.h"

#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Fleet, StartsOneWorkerASlotAndIsUpWhenAllAreReady) {
  Herd herd;
  herd.start(3);
  EXPECT_EQ(herd.processes.size(), 3U);
  herd.on(WorkerReady{herd.current(0)});
  herd.on(WorkerReady{herd.current(1)});
  EXPECT_EQ(herd.started_up, 0);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
  herd.on(WorkerReady{herd.current(2)});
  EXPECT_EQ(herd.started_up, 1);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2));
}

TEST(Fleet, ACrashedWorkerComesBackAtOnceAndItsSlotIsMaskedMeanwhile) {
  Herd herd;
  herd.start(3);
  herd.all_ready();
  const WorkerId victim = herd.current(1);
  herd.exit(victim, ExitKind::Signal, 9);
  EXPECT_THAT(herd.served(), ElementsAre(0, 2));
  EXPECT_NE(herd.current(1), 0U);
  EXPECT_NE(herd.current(1), victim);
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2));
  EXPECT_EQ(herd.fleet.pools().at("web").exits.signal, 1U);
}

TEST(Fleet, TheOnlyWorkersSlotStaysChosenWhenItCrashes) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.exit(herd.current(0), ExitKind::Signal, 11);
  EXPECT_THAT(herd.served(), ElementsAre(0));
}

TEST(Fleet, ACrashLoopBacksOffAndAStableLifeForgivesIt) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.exit(herd.current(1), ExitKind::Status, 3);
  herd.exit(herd.current(1), ExitKind::Status, 3);  // second in a row: waits
  EXPECT_EQ(herd.current(1), 0U);
  ASSERT_TRUE(herd.fleet.next_deadline());
  EXPECT_LE(*herd.fleet.next_deadline(), herd.now + milliseconds(120));
  herd.pass(milliseconds(121));
  EXPECT_NE(herd.current(1), 0U);
  herd.all_ready();
  herd.pass(seconds(11));
  herd.exit(herd.current(1), ExitKind::Status, 3);
  EXPECT_NE(herd.current(1), 0U) << "after a stable life the first crash is free again";
}

TEST(Fleet, AWorkerThatIsNotReadyInTimeIsKilledAndCounted) {
  Herd herd;
  herd.start(2);
  herd.on(WorkerReady{herd.current(0)});
  const WorkerId late = herd.current(1);
  herd.live_through(seconds(32));
  EXPECT_TRUE(herd.processes.at(late).killed);
  herd.exit(late, ExitKind::Signal, 9);
  EXPECT_EQ(herd.fleet.pools().at("web").exits.start_timeout, 1U);
  EXPECT_EQ(herd.count(What::WorkerStartTimeout), 1U);
  EXPECT_EQ(herd.count(What::WorkerDrainTimeout), 0U);
}

TEST(Fleet, AWorkerThatIsNotReadyInTimeIsToldOfWithWhatItLacks) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.reload(pool_spec("web", 1));
  const WorkerId late = herd.incoming(0);
  herd.on(WorkerAwaits{late, "nothing listens on 127.0.0.1:4711"});
  herd.live_through(seconds(32));
  herd.exit(late, ExitKind::Signal, 9);
  EXPECT_THAT(herd.concluded.at(0).reasons.at(0),
              testing::HasSubstr("start_timeout: nothing listens on 127.0.0.1:4711"));
}

// The signal that it was told to go with is no reason.
TEST(Fleet, TheFirstWorkerThatIsNotReadyInTimeIsToldOfWithWhatItLacks) {
  Herd herd;
  herd.start(1);
  for (uint32_t i = 0; i < kAttempts; ++i) {
    herd.live_through(seconds(5));
    herd.on(WorkerAwaits{herd.current(0), "it has not said READY=1"});
    herd.live_through(seconds(30));
    herd.exit(herd.current(0));
    EXPECT_EQ(herd.slot(0).last_exit, "start_timeout: it has not said READY=1");
  }
  EXPECT_THAT(herd.start_failure, testing::HasSubstr("start_timeout: it has not said READY=1"));
}

TEST(Fleet, ASuccessorKnowsWhatAStartingWorkerLacks) {
  Herd herd;
  herd.start(1);
  Past past = herd.past_of();
  past.workers.at(0).awaits = "nothing listens on 127.0.0.1:4711";
  Herd other;
  other.processes = herd.processes;
  other.start(spec_of(1, 2), past);
  other.live_through(seconds(30));
  other.exit(other.current(0));
  EXPECT_EQ(other.slot(0).last_exit, "start_timeout: nothing listens on 127.0.0.1:4711");
}

// A program may accept without ever saying that it is ready.
TEST(Fleet, AWorkerThatIsNotReadyInTimeMayFinishWhatItHas) {
  Herd herd;
  herd.start(1);
  const WorkerId late = herd.current(0);
  herd.live_through(seconds(30));
  EXPECT_TRUE(herd.processes.at(late).told_to_drain);
  EXPECT_FALSE(herd.processes.at(late).killed);
  herd.on(WorkerReady{late});
  EXPECT_TRUE(herd.served().empty()) << "it was told to go";
  herd.on(WorkerExtends{late, seconds(60)});
  herd.live_through(seconds(2));
  EXPECT_TRUE(herd.processes.at(late).killed);
}

TEST(Fleet, AWorkerThatWasTooLateHasNoMoreTimeThanADrain) {
  Herd herd;
  PoolSpec pool = pool_spec("web", 1);
  pool.drain_timeout = milliseconds(100);
  herd.start({.generation = 1, .pools = {pool}});
  herd.live_through(seconds(30) + milliseconds(100));
  EXPECT_TRUE(herd.processes.at(herd.current(0)).killed);
}

TEST(Fleet, AWorkerThatWasTooLateAndHasFinishedHasASuccessor) {
  Herd herd;
  herd.start(1);
  const WorkerId late = herd.current(0);
  herd.live_through(seconds(30));
  herd.exit(late);
  herd.live_through(seconds(1));
  EXPECT_NE(herd.current(0), late);
  EXPECT_EQ(herd.pool().exits.start_timeout, 1U);
  herd.all_ready();
  EXPECT_EQ(herd.served().size(), 1U);
}

// At a stop, too, it has only what is left of its time.
TEST(Fleet, AWorkerThatWasTooLateIsToldToGoOnce) {
  Herd herd;
  herd.start(1);
  const WorkerId late = herd.current(0);
  herd.live_through(seconds(31));
  EXPECT_EQ(count_of<Drain>(herd.on(Stop{})), 0U);
  herd.live_through(seconds(1));
  EXPECT_TRUE(herd.processes.at(late).killed);
}

TEST(Fleet, AWorkerMayExtendItsStart) {
  Herd herd;
  herd.start(1);
  herd.now = herd.now + seconds(25);
  herd.on(WorkerExtends{herd.current(0), seconds(60)});
  herd.pass(seconds(10));
  EXPECT_FALSE(herd.processes.at(herd.current(0)).killed);
  herd.pass(seconds(51));
  EXPECT_TRUE(herd.processes.at(herd.current(0)).told_to_drain);
}

TEST(Fleet, StartFailsOnlyIfNobodyInAPoolServes) {
  Herd herd;
  herd.start(2);
  for (int i = 0; i < 3; ++i) {
    herd.pass(seconds(1));
    herd.exit(herd.current(0), ExitKind::NotStarted, 2);
  }
  EXPECT_EQ(herd.start_failed, 1);
  EXPECT_EQ(herd.started_up, 0);
}

TEST(Fleet, StartsUpDegradedWhenOneSlotCanNotStart) {
  Herd herd;
  herd.start(2);
  herd.on(WorkerReady{herd.current(1)});
  for (int i = 0; i < 3; ++i) {
    herd.exit(herd.current(0), ExitKind::Status, 1);
    herd.pass(seconds(40));
  }
  EXPECT_EQ(herd.start_failed, 0);
  EXPECT_EQ(herd.started_up, 1);
}

TEST(Fleet, ScalingUpServesANewSlotOnlyWhenItsWorkerIsReady) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Scale{"web", 3});
  EXPECT_THAT(herd.served(), ElementsAre(0));
  herd.on(WorkerReady{herd.current(2)});
  EXPECT_THAT(herd.served(), ElementsAre(0, 2));
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2));
}

TEST(Fleet, ScalingDownSteersThenWaitsThenDrains) {
  Herd herd;
  herd.start(4);
  herd.all_ready();
  const WorkerId last = herd.current(3);
  const Actions actions = herd.on(Scale{"web", 1});
  EXPECT_THAT(herd.served(), ElementsAre(0));
  EXPECT_EQ(count_of<Serve>(actions), 1U) << "one change of the steering for all three";
  EXPECT_EQ(herd.quiet_asked.size(), 3U);
  EXPECT_FALSE(herd.processes.at(last).told_to_drain) << "it accepts until the slot is quiet";
  herd.quiet_all();
  EXPECT_TRUE(herd.processes.at(last).told_to_drain);
  EXPECT_FALSE(herd.processes.at(herd.current(0)).told_to_drain);
  herd.drained_exit();
  EXPECT_EQ(herd.processes.size(), 1U);
  EXPECT_EQ(herd.fleet.pools().at("web").exits.requested, 3U);
}

TEST(Fleet, QuietThatNeverComesIsNotWaitedForForEver) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId last = herd.current(1);
  herd.on(Scale{"web", 1});
  herd.pass(seconds(11));
  EXPECT_TRUE(herd.processes.at(last).told_to_drain);
  herd.pass(seconds(21));
  EXPECT_TRUE(herd.processes.at(last).killed);
  herd.exit(last, ExitKind::Signal, 9);
  EXPECT_EQ(herd.fleet.pools().at("web").exits.drain_timeout, 1U);
}

TEST(Fleet, ScalingUpAgainKeepsAWorkerThatWasAboutToLeave) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId last = herd.current(1);
  herd.on(Scale{"web", 1});
  herd.on(Scale{"web", 2});
  herd.quiet_all();
  EXPECT_EQ(herd.current(1), last);
  EXPECT_FALSE(herd.processes.at(last).told_to_drain);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
}

TEST(Fleet, ALeavingWorkerThatCrashesIsReplacedToEmptyItsQueue) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Scale{"web", 1});
  herd.exit(herd.current(1), ExitKind::Signal, 9);
  ASSERT_NE(herd.current(1), 0U) << "somebody has to fetch what waits there";
  herd.all_ready();
  herd.quiet_all();
  herd.drained_exit();
  EXPECT_EQ(herd.current(1), 0U);
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Fleet, RefusesWhatIsNotThereOrOutOfBounds) {
  Herd herd;
  herd.start(2, 8);
  EXPECT_EQ(herd.fleet.refusal(Scale{"wbe", 2}), Refusal::NoSuchPool);
  EXPECT_EQ(herd.fleet.refusal(Scale{"web", 0}), Refusal::OutOfRange);
  EXPECT_EQ(herd.fleet.refusal(Scale{"web", 9}), Refusal::OutOfRange);
  EXPECT_EQ(herd.fleet.refusal(Scale{"web", 8}), Refusal::None);
  EXPECT_EQ(herd.fleet.refusal(Restart{1, "web", 2}), Refusal::NoSuchSlot);
  EXPECT_EQ(herd.fleet.refusal(Restart{1, "api", 0}), Refusal::NoSuchPool);
}

TEST(Fleet, StopParksTheListenersDrainsEverybodyAndEnds) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Stop{});
  EXPECT_TRUE(herd.served().empty()) << "steered to what outlives us";
  herd.quiet_all();
  herd.drained_exit();
  EXPECT_EQ(herd.finished, 1);
  EXPECT_FALSE(herd.fleet.next_deadline());
}

TEST(Fleet, StopNowKillsEverybody) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Stop{});
  herd.on(StopNow{});
  EXPECT_TRUE(herd.processes.at(1).killed);
  herd.drained_exit();
  EXPECT_EQ(herd.finished, 1);
}

TEST(Fleet, AWorkerThatStopsByItselfIsReplacedAndMayFinish) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId leaving = herd.current(0);
  herd.on(WorkerStopping{leaving});
  EXPECT_NE(herd.current(0), leaving);
  EXPECT_TRUE(herd.processes.contains(leaving));
  herd.exit(leaving);
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
}

TEST(Fleet, LateEventsAboutTheDeadChangeNothing) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  const WorkerId dead = herd.current(0);
  herd.exit(dead, ExitKind::Signal, 9);
  herd.on(WorkerReady{dead});
  herd.on(WorkerExtends{dead, seconds(5)});
  herd.on(WorkerStopping{dead});
  herd.on(WorkerExited{dead, ExitKind::Status, 0, "again"});
  herd.on(WorkerQuiet{dead});
  herd.on(WorkerHung{dead, "test"});
  herd.on(WorkerWorn{dead, "test"});
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Fleet, AFailedStartSaysWhichPoolAndWhy) {
  Herd herd;
  herd.start({.generation = 1, .pools = {pool_spec("api", 1), pool_spec("web", 1)}});
  herd.on(WorkerReady{herd.current(0, "web")});
  for (int i = 0; i < 3; ++i) {
    herd.live_through(seconds(1));
    herd.exit(herd.current(0, "api"), ExitKind::Status, 1);
  }
  EXPECT_THAT(herd.start_failure, HasSubstr("pool api"));
  EXPECT_EQ(herd.started_up, 0);
}

TEST(Fleet, ScalingDownBeforeEverybodyIsReadyDoesNotKeepItFromStartingUp) {
  Herd herd;
  herd.start(3);
  herd.on(Scale{"web", 1});
  herd.all_ready();
  EXPECT_EQ(herd.started_up, 1);
}

TEST(Fleet, AWorkerThatGetsReadyWhileItIsKilledForBeingLateServesNobody) {
  Herd herd;
  herd.start(2);
  herd.on(WorkerReady{herd.current(0)});
  const WorkerId late = herd.current(1);
  herd.pass(seconds(31));
  herd.on(WorkerReady{late});  // it said so in its last moment
  EXPECT_THAT(herd.served(), ElementsAre(0));
}

TEST(Fleet, ASlotThatIsGivenUpOnItsWayOutIsVacated) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Scale{"web", 1});
  for (int i = 0; i < 3; ++i) {
    ASSERT_NE(herd.current(1), 0U) << "attempt " << i;
    herd.exit(herd.current(1), ExitKind::NotStarted, 2);
    herd.live_through(seconds(40));
  }
  EXPECT_EQ(herd.current(1), 0U);
  EXPECT_FALSE(herd.slot(1).dirty);
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Fleet, SlotsThatLeaveServeOnAsLongAsNobodyElseDoes) {
  Herd herd;
  herd.start(2);
  herd.on(WorkerReady{herd.current(1)});
  herd.on(Scale{"web", 1});
  EXPECT_THAT(herd.served(), ElementsAre(1)) << "slot 0 starts yet";
  herd.on(WorkerReady{herd.current(0)});
  EXPECT_THAT(herd.served(), ElementsAre(0));
}

TEST(Fleet, AWorkerThatNeverAcceptedIsNotWaitedFor) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Scale{"web", 2});
  const WorkerId young = herd.current(1);
  herd.on(Scale{"web", 1});
  EXPECT_TRUE(herd.processes.at(young).told_to_drain);
  EXPECT_TRUE(herd.quiet_asked.empty());
}

TEST(Fleet, StopWaitsForQuietAndKillsWhatDoesNotEnd) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Stop{});
  EXPECT_FALSE(herd.processes.at(1).told_to_drain);
  herd.live_through(seconds(10));
  EXPECT_TRUE(herd.processes.at(1).told_to_drain);
  herd.live_through(seconds(20));
  EXPECT_TRUE(herd.processes.at(1).killed);
  herd.drained_exit();
  EXPECT_EQ(herd.finished, 1);
  EXPECT_EQ(herd.pool().exits.drain_timeout, 2U);
}

// Without it the timer would have fired again and again until the kernel had reported the end.
TEST(Fleet, AKilledWorkerHasNoDeadlineAnyMore) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Stop{});
  herd.on(StopNow{});
  herd.quiet_all();
  herd.live_through(seconds(60));
  EXPECT_FALSE(herd.fleet.next_deadline());
}

TEST(Fleet, NothingIsTakenOnceItStops) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  herd.on(Stop{});
  EXPECT_EQ(herd.fleet.refusal(Scale{"web", 3}), Refusal::Stopping);
  EXPECT_EQ(herd.fleet.refusal(Reload{}), Refusal::Stopping);
  EXPECT_EQ(herd.fleet.refusal(Restart{1, "web", {}}), Refusal::Stopping);
  herd.on(Scale{"web", 5});
  herd.on(Restart{1, "web", {}});
  EXPECT_EQ(herd.processes.size(), 2U);
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_FALSE(herd.concluded[0].ok);
}

}  // namespace
}  // namespace sockherd::fleet
