// What a predecessor has left is taken over; what is of another version is replaced.
#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Survivor survivor(WorkerId id, uint32_t slot, Phase phase = Phase::Ready, bool owns_slot = true) {
  return {.id = id,
          .pool = "web",
          .slot = slot,
          .generation = 1,
          .phase = phase,
          .owns_slot = owns_slot,
          .listeners = {"web"},
          .spawned_at = Instant{seconds(900)},
          .ready_at = Instant{seconds(901)}};
}

// A predecessor that ran `workers` workers.
Past past_of(std::vector<Survivor> survivors, uint32_t workers) {
  Past past{.next_id = 100, .workers = std::move(survivors)};
  past.pools["web"] = {.desired = workers,
                       .spec_workers = workers,
                       .drain_timeout = seconds(20),
                       .slots = std::vector<PastSlot>(workers, PastSlot{.dirty = true})};
  return past;
}

// Its supervisor takes them over.
Herd adopting(const Spec& spec, const Past& past) {
  Herd herd;
  for (const Survivor& s : past.workers) {
    herd.processes[s.id] = {s.pool, s.slot, s.generation, s.phase == Phase::Draining};
    herd.known_ids.insert(s.id);
  }
  herd.start(spec, past);
  return herd;
}

TEST(Adoption, ReadyWorkersServeOnAndNoneIsStarted) {
  Herd herd = adopting(spec_of(2, 5), past_of({survivor(7, 0), survivor(8, 1)}, 2));
  EXPECT_EQ(herd.current(0), 7U);
  EXPECT_EQ(herd.current(1), 8U);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
  EXPECT_EQ(herd.pool().starts, 0U);
  EXPECT_EQ(herd.started_up, 1);
  EXPECT_FALSE(herd.fleet.is_rolling());
  EXPECT_EQ(herd.count(What::WorkerAdopted), 2U);
}

TEST(Adoption, AStartingWorkerGetsAWholeStartTimeout) {
  Herd herd = adopting(spec_of(1), past_of({survivor(7, 0, Phase::Starting)}, 1));
  EXPECT_EQ(herd.current(0), 7U);
  herd.live_through(seconds(29));
  EXPECT_FALSE(herd.processes.at(7).killed);
  herd.on(WorkerReady{7});
  EXPECT_THAT(herd.served(), ElementsAre(0));
}

TEST(Adoption, AWorkerThatWasTooLateGetsNoSecondStart) {
  Herd herd;
  herd.start(1);
  const WorkerId late = herd.current(0);
  herd.live_through(seconds(30));
  herd.succeed(spec_of(1));
  EXPECT_NE(herd.current(0), late);
  herd.live_through(seconds(2));
  EXPECT_TRUE(herd.processes.at(late).killed);
}

TEST(Adoption, ADrainingWorkerHasTheDeadlineThatItHad) {
  Survivor draining = survivor(7, 0, Phase::Draining, false);
  draining.deadline = Instant{seconds(1003)};
  Herd herd = adopting(spec_of(1), past_of({draining}, 1));
  EXPECT_NE(herd.current(0), 7U);
  herd.live_through(seconds(3));
  EXPECT_TRUE(herd.processes.at(7).killed);
}

TEST(Adoption, ADrainingWorkerWithoutADeadlineGetsOne) {
  Herd herd =
      adopting(spec_of(1), past_of({survivor(7, 0, Phase::Draining, false), survivor(8, 0)}, 1));
  herd.live_through(seconds(20));
  EXPECT_TRUE(herd.processes.at(7).killed);
}

TEST(Adoption, AnIncomingWorkerFinishesAndTheOwnerServesOn) {
  Herd herd =
      adopting(spec_of(1), past_of({survivor(7, 0), survivor(8, 0, Phase::Starting, false)}, 1));
  EXPECT_EQ(herd.current(0), 7U);
  EXPECT_TRUE(herd.processes.at(8).told_to_drain);
}

TEST(Adoption, OfTwoThatClaimASlotOneIsTaken) {
  Herd herd = adopting(spec_of(1), past_of({survivor(7, 0), survivor(8, 0)}, 1));
  EXPECT_EQ(herd.current(0), 7U);
  herd.settle();
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Adoption, AReplacedWorkerThatWasNotQuietYetIsWaitedFor) {
  Herd herd;
  PoolSpec two = pool_spec("web", 1);
  two.listeners = {"web", "old"};
  herd.serve(two);
  const WorkerId old = herd.current(0);
  herd.reload(pool_spec("web", 1));
  herd.all_ready();
  ASSERT_TRUE(herd.worker(old).leaving);
  herd.succeed(spec_of(1, 3));
  EXPECT_FALSE(herd.processes.at(old).told_to_drain);
  herd.on(WorkerQuiet{old});
  EXPECT_TRUE(herd.processes.at(old).told_to_drain);
}

// The old one has crashed. Nobody knows by which configuration the new one was made: the rollout
// came to no end.
TEST(Adoption, AnIncomingWorkerWithoutAnOwnerBesideItServesUntilItIsReplaced) {
  Herd herd;
  PoolSpec pool = pool_spec("web", 1);
  pool.ready_for = seconds(10);
  herd.serve(pool);
  herd.reload(pool);
  herd.all_ready();
  const WorkerId incoming = herd.incoming(0);
  herd.crash(0);
  herd.succeed({.generation = 3, .pools = {pool}});
  EXPECT_EQ(herd.current(0), incoming);
  EXPECT_THAT(herd.served(), ElementsAre(0));
  EXPECT_EQ(herd.count(What::UpgradeStarted), 1U);
}

TEST(Adoption, APoolThatIsConfiguredNoMoreServesUntilTheOthersDoAndDrainsInItsOwnTime) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 2);
  past.pools["web"].drain_timeout = seconds(5);
  Herd herd = adopting({.generation = 2, .pools = {pool_spec("api", 1)}}, past);
  herd.quiet_all();
  EXPECT_FALSE(herd.processes.at(7).told_to_drain) << "its listener may be theirs by now";
  herd.all_ready();
  EXPECT_EQ(herd.started_up, 1);
  EXPECT_FALSE(herd.processes.at(7).told_to_drain) << "not before it is quiet";
  herd.quiet_all();
  EXPECT_TRUE(herd.processes.at(7).told_to_drain);
  herd.live_through(seconds(5));
  EXPECT_TRUE(herd.processes.at(7).killed);
  herd.drained_exit();
  EXPECT_FALSE(herd.fleet.pools().contains("web"));
}

// Found in review: owners of finished batches carried a configuration that never came in force, and
// stayed for ever where the file had been put back.
TEST(Adoption, AReloadThatCameToNoEndIsUndoneByItsSuccessor) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  PoolSpec rolling = pool_spec("web", 2);
  rolling.batch = 1;
  herd.reload(rolling);
  EXPECT_FALSE(herd.fleet.past().is_stale) << "nobody is replaced yet";
  herd.on(WorkerReady{herd.incoming(0)});
  EXPECT_TRUE(herd.fleet.past().is_stale);
}

// They would have been killed at once: nobody knew how long they may drain.
TEST(Adoption, WorkersOfAPoolThatAReloadWasAboutToAddHaveTimeToDrain) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("web", 1), pool_spec("api", 1)}}});
  const WorkerId young = herd.incoming(0, "api");
  herd.succeed(spec_of(1, 3));
  herd.quiet_all();
  herd.live_through(seconds(19));
  EXPECT_FALSE(herd.processes.at(young).killed);
}

TEST(Adoption, ASlotBeyondTheWantedOnesLeaves) {
  Herd herd = adopting(spec_of(1), past_of({survivor(7, 0), survivor(8, 1)}, 2));
  EXPECT_THAT(herd.served(), ElementsAre(0));
  EXPECT_FALSE(herd.processes.at(8).told_to_drain);
  EXPECT_EQ(herd.started_up, 1);
  herd.settle();
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Adoption, ADirtySlotWithoutAWorkerIsEmptiedOnceMore) {
  Herd herd = adopting(spec_of(1), past_of({survivor(7, 0)}, 2));
  EXPECT_NE(herd.current(1), 0U);
  herd.settle();
  EXPECT_FALSE(herd.slot(1).dirty);
  EXPECT_EQ(herd.processes.size(), 1U);
}

// A slot that was vacated long ago is no reason to wait with READY=1.
TEST(Adoption, StartsUpThoughThereWereMoreSlotsOnce) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(Scale{"web", 4});
  herd.settle();
  herd.on(Scale{"web", 2});
  herd.settle();
  herd.succeed(spec_of(2, 2));
  EXPECT_EQ(herd.started_up, 1);
}

TEST(Adoption, ACountThatWasSetAtRunTimeStaysUnlessTheFileAsksForAnother) {
  struct Case {
    uint32_t now_in_file;
    uint32_t max_workers;
    uint32_t expected;
  };
  for (const Case& c : {Case{2, 16, 5}, Case{3, 16, 3}, Case{2, 4, 4}}) {
    Past past = past_of({}, 2);
    past.pools["web"].desired = 5;
    Herd herd = adopting(
        {.generation = 2, .pools = {pool_spec("web", c.now_in_file, c.max_workers)}}, past);
    EXPECT_EQ(herd.pool().desired, c.expected);
  }
}

TEST(Adoption, APoolThatWasOnItsWayOutAndIsConfiguredAgainHasTheCountOfTheFile) {
  Past past = past_of({survivor(7, 0)}, 2);
  past.pools["web"].desired = 0;
  Herd herd = adopting(spec_of(2), past);
  EXPECT_EQ(herd.pool().desired, 2U);
  EXPECT_EQ(herd.current(0), 7U);
}

TEST(Adoption, CountersAndLastWordsGoOn) {
  Past past = past_of({survivor(7, 0)}, 1);
  past.pools["web"].starts = 12;
  past.pools["web"].exits.signal = 3;
  past.pools["web"].slots[0].restarts = 4;
  past.pools["web"].slots[0].last_exit = "signal SEGV";
  Herd herd = adopting(spec_of(1), past);
  herd.crash(0);
  EXPECT_EQ(herd.pool().starts, 13U);
  EXPECT_EQ(herd.pool().exits.signal, 4U);
  EXPECT_EQ(herd.slot(0).restarts, 5U);
}

TEST(Adoption, ANewWorkerNeverHasAnIdThatWasUsedBefore) {
  Herd herd = adopting(spec_of(2), past_of({survivor(7, 0)}, 2));
  EXPECT_EQ(herd.current(1), 100U);
}

// --- upgrades

TEST(Adoption, StaleWorkersAreReplacedOneByOneOnceAllServe) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 3);
  past.is_stale = true;
  Herd herd = adopting(spec_of(3, 2), past);
  EXPECT_EQ(herd.processes.size(), 3U) << "slot 2 first: it has nobody";
  EXPECT_EQ(herd.count(What::UpgradeStarted), 0U);
  herd.on(WorkerReady{herd.current(2)});
  EXPECT_EQ(herd.started_up, 1);
  EXPECT_EQ(herd.count(What::UpgradeStarted), 1U);
  EXPECT_NE(herd.incoming(0), 0U);
  EXPECT_EQ(herd.incoming(1), 0U);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2));
  herd.on(WorkerReady{herd.incoming(0)});
  EXPECT_TRUE(herd.processes.at(7).told_to_drain);
  EXPECT_NE(herd.incoming(1), 0U);
  herd.on(WorkerReady{herd.incoming(1)});
  EXPECT_EQ(herd.count(What::UpgradeDone), 1U);
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2, 2));
  EXPECT_TRUE(herd.concluded.empty()) << "nobody asked for it";
}

TEST(Adoption, AnUpgradeThatFailsLeavesTheOldOnesServing) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 2);
  past.is_stale = true;
  Herd herd = adopting(spec_of(2, 2), past);
  herd.exit(herd.incoming(0), ExitKind::Status, 6);
  EXPECT_EQ(herd.count(What::UpgradeFailed), 1U);
  EXPECT_EQ(herd.current(0), 7U);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
  herd.live_through(seconds(300));
  EXPECT_EQ(herd.processes.size(), 2U) << "and is not tried for ever";
  herd.exit(7, ExitKind::Signal, 11);
  herd.all_ready();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 1)) << "a crash brings the new one all the same";
}

TEST(Adoption, AnUpgradeWithoutAnExtraWorkerSteersAwayFirst) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 2);
  past.is_stale = true;
  PoolSpec pool = pool_spec("web", 2);
  pool.max_surge = 0;
  pool.max_unavailable = 1;
  pool.can_lend = true;
  Herd herd = adopting({.generation = 2, .pools = {pool}}, past);
  EXPECT_TRUE(herd.processes.at(7).told_to_drain);
  EXPECT_THAT(herd.served(), ElementsAre(1));
  EXPECT_EQ(herd.slot(0).lent_to, 8U);
  for (int i = 0; i < 3; ++i) herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2));
}

TEST(Adoption, AReloadDuringAnUpgradeTakesItsPlace) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 2);
  past.is_stale = true;
  Herd herd = adopting(spec_of(2, 2), past);
  const WorkerId upgraded = herd.incoming(0);
  herd.reload(pool_spec("web", 2), 3);
  EXPECT_TRUE(herd.processes.at(upgraded).told_to_drain);
  herd.settle();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.generations(), ElementsAre(3, 3));
  EXPECT_EQ(herd.count(What::UpgradeStarted), 1U);
}

TEST(Adoption, AReloadDuringAnUpgradeThatFailsLetsItGoOn) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 2);
  past.is_stale = true;
  Herd herd = adopting(spec_of(2, 2), past);
  herd.reload(pool_spec("web", 2), 3);
  herd.exit(herd.incoming(1), ExitKind::Status, 6);
  EXPECT_FALSE(herd.concluded.at(0).ok);
  herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2));
}

TEST(Adoption, ScalingDuringAnUpgradeIsTakenAndTheUpgradeGoesOn) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 2);
  past.is_stale = true;
  Herd herd = adopting(spec_of(2, 2), past);
  EXPECT_EQ(herd.fleet.refusal(Scale{"web", 3}), Refusal::None);
  herd.on(Scale{"web", 3});
  herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2, 2));
  EXPECT_EQ(herd.count(What::UpgradeDone), 1U);
}

TEST(Adoption, ARestartDuringAnUpgradeIsTakenAndTheUpgradeGoesOn) {
  Past past = past_of({survivor(7, 0), survivor(8, 1)}, 2);
  past.is_stale = true;
  Herd herd = adopting(spec_of(2, 2), past);
  herd.on(Restart{4, "web", 1});
  herd.settle();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2));
}

TEST(Adoption, AStopDuringAnUpgradeEndsIt) {
  Past past = past_of({survivor(7, 0)}, 1);
  past.is_stale = true;
  Herd herd = adopting(spec_of(1, 2), past);
  herd.on(Stop{});
  herd.settle();
  EXPECT_EQ(herd.finished, 1);
}

// --- there and back

std::string text_of(const Past& past) {
  std::string text = "next " + std::to_string(past.next_id);
  for (const auto& [name, pool] : past.pools) {
    const Exits& e = pool.exits;
    text += "\n" + name + " desired " + std::to_string(pool.desired) + " of " +
            std::to_string(pool.spec_workers) + " starts " + std::to_string(pool.starts) +
            " exits " + std::to_string(e.requested) + " " + std::to_string(e.exit) + " " +
            std::to_string(e.signal) + " " + std::to_string(e.hang);
    for (const PastSlot& slot : pool.slots) {
      text += "\n  slot " + std::to_string(slot.dirty) + " " + std::to_string(slot.restarts) + " " +
              slot.last_exit;
    }
  }
  for (const Survivor& w : past.workers) {
    text += "\nworker " + std::to_string(w.id) + " " + w.pool + " " + std::to_string(w.slot) +
            " generation " + std::to_string(w.generation) + " " + std::string(phase_name(w.phase)) +
            (w.owns_slot ? " owns" : "") + " since " +
            std::to_string(w.ready_at.since_boot.count()) + " until " +
            std::to_string(w.deadline ? w.deadline->since_boot.count() : 0);
    for (const std::string& name : w.listeners) text += " " + name;
  }
  return text;
}

TEST(Adoption, AFleetThatIsTakenOverIsTheSameFleet) {
  Herd herd;
  herd.start({.generation = 1, .pools = {pool_spec("web", 3), pool_spec("api", 1)}});
  herd.all_ready();
  herd.on(Scale{"web", 4});
  herd.all_ready();
  herd.crash(1);
  herd.on(WorkerReady{herd.current(1)});
  herd.on(Scale{"web", 3});
  herd.quiet_all();  // slot 3 drains
  const std::string before = text_of(herd.fleet.past());
  herd.succeed({.generation = 2, .pools = {pool_spec("web", 3), pool_spec("api", 1)}});
  EXPECT_EQ(text_of(herd.fleet.past()), before);
  EXPECT_EQ(herd.pool().starts, 5U);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2));
}

TEST(Adoption, AnEmptyPastIsTheFirstStart) {
  Herd herd;
  herd.start(spec_of(2), Past{});
  EXPECT_EQ(herd.current(0), 1U);
  EXPECT_EQ(herd.count(What::WorkerAdopted), 0U);
}

// What hands may pass on from a file that somebody wrote.
TEST(Adoption, WhatMakesNoSenseIsBorne) {
  Past past = past_of({survivor(7, 900), survivor(8, 0, Phase::Draining, true)}, 1);
  past.pools["web"].desired = 4'000'000'000;
  Herd herd = adopting(spec_of(1), past);
  EXPECT_EQ(herd.pool().desired, 16U) << "max_workers";
  herd.settle();
  EXPECT_EQ(herd.served().size(), 16U);
}

}  // namespace
}  // namespace sockherd::fleet
