#include "daemon/fleet/fleet.h"

#include <gmock/gmock.h>

#include "daemon/fleet/backoff.h"
#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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
  herd.pass(seconds(31));
  EXPECT_TRUE(herd.processes.at(late).killed);
  herd.exit(late, ExitKind::Signal, 9);
  EXPECT_EQ(herd.fleet.pools().at("web").exits.start_timeout, 1U);
}

TEST(Fleet, AWorkerMayExtendItsStart) {
  Herd herd;
  herd.start(1);
  herd.now = herd.now + seconds(25);
  herd.on(WorkerExtends{herd.current(0), seconds(60)});
  herd.pass(seconds(10));
  EXPECT_FALSE(herd.processes.at(herd.current(0)).killed);
  herd.pass(seconds(51));
  EXPECT_TRUE(herd.processes.at(herd.current(0)).killed);
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
  EXPECT_EQ(std::count_if(actions.begin(), actions.end(),
                          [](const Action& a) { return std::holds_alternative<Serve>(a); }),
            1)
      << "one change of the steering for all three";
  EXPECT_EQ(herd.awaiting_quiet.size(), 3U);
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

TEST(Fleet, AReloadChangesAllSlotsTogetherWhenEveryNewWorkerIsReady) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId old = herd.current(0);
  herd.on(Reload{7, {.generation = 2, .pools = {pool_spec("web", 2)}}});
  EXPECT_EQ(herd.processes.size(), 4U);
  herd.on(WorkerReady{*herd.fleet.pools().at("web").slots[0].incoming});
  EXPECT_EQ(herd.current(0), old);
  EXPECT_TRUE(herd.concluded.empty());
  herd.all_ready();
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_TRUE(herd.concluded[0].ok);
  EXPECT_EQ(herd.concluded[0].ticket, 7U);
  EXPECT_TRUE(herd.processes.at(old).told_to_drain);
  EXPECT_EQ(herd.worker(herd.current(0)).generation, 2U);
  herd.drained_exit();
  EXPECT_EQ(herd.processes.size(), 2U);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1)) << "the sockets stayed, so nothing was steered";
}

TEST(Fleet, AFailedReloadLeavesTheOldWorkersAsTheyWere) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId old = herd.current(0);
  herd.on(Reload{7, {.generation = 2, .pools = {pool_spec("web", 5), pool_spec("new", 1)}}});
  herd.on(WorkerReady{*herd.fleet.pools().at("web").slots[0].incoming});
  herd.exit(*herd.fleet.pools().at("web").slots[1].incoming, ExitKind::Status, 6);
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_FALSE(herd.concluded[0].ok);
  EXPECT_THAT(herd.concluded[0].reasons[0], HasSubstr("pool web slot 1"));
  herd.drained_exit();
  EXPECT_EQ(herd.current(0), old);
  EXPECT_EQ(herd.processes.size(), 2U);
  EXPECT_EQ(herd.fleet.pools().at("web").desired, 2U);
  EXPECT_FALSE(herd.fleet.pools().contains("new"));
  EXPECT_EQ(herd.worker(herd.current(0)).generation, 1U);
}

TEST(Fleet, ANewWorkerHasTheStartTimeoutOfItsOwnConfiguration) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  PoolSpec hasty = pool_spec("web", 1);
  hasty.start_timeout = seconds(1);
  herd.on(Reload{1, {.generation = 2, .pools = {hasty}}});
  const WorkerId late = *herd.fleet.pools().at("web").slots[0].incoming;
  herd.pass(seconds(2));
  EXPECT_TRUE(herd.processes.at(late).killed);
}

TEST(Fleet, AReloadAddsAndRemovesPools) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("api", 2)}}});
  herd.all_ready();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.served("api"), ElementsAre(0, 1));
  herd.drained_exit();
  EXPECT_FALSE(herd.fleet.pools().contains("web"));
  EXPECT_EQ(herd.processes.size(), 2U);
}

TEST(Fleet, AReloadKeepsACountThatWasSetAtRunTimeUnlessTheFileChangesIt) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Scale{"web", 4});
  herd.all_ready();
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("web", 1)}}});
  herd.all_ready();
  herd.drained_exit();
  EXPECT_EQ(herd.processes.size(), 4U);
  herd.on(Reload{2, {.generation = 3, .pools = {pool_spec("web", 2)}}});
  herd.all_ready();
  herd.quiet_all();
  herd.drained_exit();
  EXPECT_EQ(herd.processes.size(), 2U);
}

TEST(Fleet, OneRolloutAtATime) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("web", 1)}}});
  EXPECT_EQ(herd.fleet.refusal(Reload{}), Refusal::Busy);
  EXPECT_EQ(herd.fleet.refusal(Scale{"web", 2}), Refusal::Busy);
  EXPECT_EQ(herd.fleet.refusal(Restart{2, "web", std::nullopt}), Refusal::Busy);
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

TEST(Fleet, RestartReplacesOneSlotAfterTheOther) {
  Herd herd;
  herd.start(3);
  herd.all_ready();
  herd.on(Restart{5, "web", std::nullopt});
  EXPECT_EQ(herd.processes.size(), 4U) << "one more at a time";
  herd.all_ready();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  herd.drained_exit();
  EXPECT_EQ(herd.processes.size(), 3U);
  EXPECT_EQ(herd.fleet.pools().at("web").starts, 6U);
}

TEST(Fleet, ARestartThatFailsKeepsTheWorkerThatServes) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId old = herd.current(1);
  herd.on(Restart{5, "web", 1});
  herd.exit(*herd.fleet.pools().at("web").slots[1].incoming, ExitKind::NotStarted, 2);
  EXPECT_FALSE(herd.concluded.at(0).ok);
  EXPECT_EQ(herd.current(1), old);
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

TEST(Fleet, StopDuringAReloadConcludesIt) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Reload{3, {.generation = 2, .pools = {pool_spec("web", 1)}}});
  herd.on(Stop{});
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_FALSE(herd.concluded[0].ok);
  herd.quiet_all();
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
  herd.on(SlotQuiet{"web", 0});
  herd.on(SlotQuiet{"web", 77});
  herd.on(SlotQuiet{"nobody", 0});
  EXPECT_EQ(herd.processes.size(), 1U);
}

// Any order of events keeps the invariants (Herd checks them after each), and whatever has
// happened, the fleet finds back to as many ready workers as are wanted once the trouble ends.
class FleetRandom : public testing::TestWithParam<uint32_t> {};

TEST_P(FleetRandom, KeepsTheInvariantsAndRecovers) {
  std::mt19937 random(GetParam());
  const auto below = [&random](size_t n) { return static_cast<uint32_t>(random() % n); };
  Herd herd(GetParam());
  herd.start(1 + below(4));
  herd.all_ready();
  uint32_t generation = 1;
  for (int step = 0; step < 400; ++step) {
    const auto pick = [&]() -> WorkerId {
      if (herd.processes.empty()) return 999999;
      return std::next(herd.processes.begin(), below(herd.processes.size()))->first;
    };
    switch (below(12)) {
      case 0:
        herd.on(Scale{"web", 1 + below(6)});
        break;
      case 1: {
        std::vector<PoolSpec> pools = {pool_spec("web", 1 + below(5))};
        if (below(2) == 0) pools.push_back(pool_spec("api", 1 + below(3)));
        herd.on(Reload{generation + 100, {.generation = ++generation, .pools = pools}});
        break;
      }
      case 2:
        herd.on(Restart{generation + 200, "web",
                        below(2) == 0 ? std::optional(below(4)) : std::nullopt});
        break;
      case 3:
        herd.exit(pick(), below(2) == 0 ? ExitKind::Signal : ExitKind::Status, 9);
        break;
      case 4:
      case 5:
      case 6:
        herd.on(WorkerReady{pick()});
        break;
      case 7:
        herd.quiet_all();
        break;
      case 8:
        herd.drained_exit();
        break;
      case 9:
        herd.pass(milliseconds(below(3000)));
        break;
      case 10:
        herd.on(WorkerStopping{pick()});
        break;
      default:
        herd.all_ready();
    }
    if (HasFailure()) FAIL() << "seed " << GetParam() << " step " << step;
  }
  for (int i = 0; i < 6; ++i) {
    herd.pass(seconds(61));
    herd.drained_exit();
    herd.all_ready();
    herd.quiet_all();
    herd.drained_exit();
  }
  for (const auto& [name, pool] : herd.fleet.pools()) {
    uint32_t ready = 0;
    for (const auto& [id, w] : herd.fleet.workers()) ready += w.pool == name ? 1 : 0;
    EXPECT_EQ(ready, pool.desired) << name;
    EXPECT_EQ(herd.served(name).size(), pool.desired) << name;
  }
  herd.on(Stop{});
  herd.quiet_all();
  herd.pass(seconds(11));
  herd.drained_exit();
  EXPECT_EQ(herd.finished, 1);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FleetRandom, testing::Range(1U, 301U));

}  // namespace
}  // namespace sockherd::fleet
