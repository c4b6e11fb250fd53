// Reloads, restarts, and the way back.
#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PoolSpec rolling(uint32_t workers, uint32_t batch, uint32_t max_surge = 1024,
                 uint32_t max_unavailable = 0) {
  PoolSpec pool = pool_spec("web", workers);
  pool.batch = batch;
  pool.max_surge = max_surge;
  pool.max_unavailable = max_unavailable;
  return pool;
}

size_t incoming_count(const Herd& herd) {
  size_t count = 0;
  for (const Slot& slot : herd.pool().slots) count += slot.incoming ? 1 : 0;
  return count;
}

TEST(Rollout, AReloadChangesAllSlotsTogetherWhenEveryNewWorkerIsReady) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId old = herd.current(0);
  herd.on(Reload{7, {.generation = 2, .pools = {pool_spec("web", 2)}}});
  EXPECT_EQ(herd.processes.size(), 4U);
  herd.on(WorkerReady{herd.incoming(0)});
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

TEST(Rollout, AFailedReloadLeavesTheOldWorkersAsTheyWere) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId old = herd.current(0);
  herd.on(Reload{7, {.generation = 2, .pools = {pool_spec("web", 5), pool_spec("new", 1)}}});
  herd.on(WorkerReady{herd.incoming(0)});
  herd.exit(herd.incoming(1), ExitKind::Status, 6);
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

TEST(Rollout, ANewWorkerHasTheStartTimeoutOfItsOwnConfiguration) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  PoolSpec hasty = pool_spec("web", 1);
  hasty.start_timeout = seconds(1);
  herd.on(Reload{1, {.generation = 2, .pools = {hasty}}});
  const WorkerId late = herd.incoming(0);
  herd.pass(seconds(2));
  EXPECT_TRUE(herd.processes.at(late).told_to_drain);
}

TEST(Rollout, AReloadAddsAndRemovesPools) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("api", 2)}}});
  herd.all_ready();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.served("api"), ElementsAre(0, 1));
  herd.quiet_all();
  herd.drained_exit();
  EXPECT_FALSE(herd.fleet.pools().contains("web"));
  EXPECT_EQ(herd.processes.size(), 2U);
}

TEST(Rollout, AReloadKeepsACountThatWasSetAtRunTimeUnlessTheFileChangesIt) {
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

TEST(Rollout, OneRolloutAtATime) {
  Herd herd;
  herd.start(1);
  herd.all_ready();
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("web", 1)}}});
  EXPECT_EQ(herd.fleet.refusal(Reload{}), Refusal::Busy);
  EXPECT_EQ(herd.fleet.refusal(Scale{"web", 2}), Refusal::Busy);
  EXPECT_EQ(herd.fleet.refusal(Restart{2, "web", std::nullopt}), Refusal::Busy);
}

TEST(Rollout, RestartReplacesOneSlotAfterTheOther) {
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

TEST(Rollout, ARestartThatFailsKeepsTheWorkerThatServes) {
  Herd herd;
  herd.start(2);
  herd.all_ready();
  const WorkerId old = herd.current(1);
  herd.on(Restart{5, "web", 1});
  herd.exit(herd.incoming(1), ExitKind::NotStarted, 2);
  EXPECT_FALSE(herd.concluded.at(0).ok);
  EXPECT_EQ(herd.current(1), old);
}

TEST(Rollout, StopDuringAReloadConcludesIt) {
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

// --- batches

struct Shape {
  const char* name;
  uint32_t batch;
  uint32_t max_surge;
  uint32_t max_unavailable;
  uint32_t first_beside;   // new workers beside old ones, at first
  uint32_t first_instead;  // old ones that go first
};

class RolloutShape : public testing::TestWithParam<Shape> {};

// Of eight workers.
TEST_P(RolloutShape, ReplacesSoManyAtATimeAndAllInTheEnd) {
  const Shape& shape = GetParam();
  Herd herd;
  herd.serve(pool_spec("web", 8));
  herd.reload(rolling(8, shape.batch, shape.max_surge, shape.max_unavailable));
  EXPECT_EQ(incoming_count(herd), shape.first_beside);
  EXPECT_EQ(herd.served().size(), 8 - shape.first_instead);
  for (int i = 0; i < 20 && herd.concluded.empty(); ++i) {
    herd.drained_exit();
    herd.all_ready();
  }
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_TRUE(herd.concluded[0].ok);
  herd.drained_exit();
  EXPECT_THAT(herd.generations(), testing::Each(2U));
  EXPECT_EQ(herd.pool().starts, 16U) << "one new worker a slot";
  EXPECT_EQ(herd.served().size(), 8U);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, RolloutShape,
    testing::Values(Shape{"AllTogether", 0, 1024, 0, 8, 0}, Shape{"OneByOne", 1, 1024, 0, 1, 0},
                    Shape{"InThrees", 3, 1024, 0, 3, 0}, Shape{"MoreThanThereAre", 99, 99, 9, 8, 0},
                    Shape{"TwoMoreAtMost", 0, 2, 0, 2, 0}, Shape{"NoneMore", 0, 0, 1, 0, 1},
                    Shape{"NoneMoreTwoLess", 4, 0, 2, 0, 2}, Shape{"BothLimits", 5, 2, 1, 2, 1},
                    // Which the configuration refuses; it must end all the same.
                    Shape{"NeitherMoreNorLess", 0, 0, 0, 0, 1}),
    [](const auto& shape) { return std::string(shape.param.name); });

TEST(Rollout, ABatchIsTakenOverWhenAllOfItIsReady) {
  Herd herd;
  herd.serve(pool_spec("web", 4));
  herd.reload(rolling(4, 2));
  herd.on(WorkerReady{herd.incoming(1)});
  EXPECT_THAT(herd.generations(), ElementsAre(1, 1, 1, 1));
  herd.on(WorkerReady{herd.incoming(0)});
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2, 1, 1));
  EXPECT_TRUE(herd.concluded.empty());
  EXPECT_NE(herd.incoming(2), 0U);
  herd.all_ready();
  EXPECT_TRUE(herd.concluded.at(0).ok);
}

TEST(Rollout, TheOldWorkerGoesFirstWhereNoneMoreMayRun) {
  Herd herd;
  herd.serve(rolling(3, 0, 0, 1));
  const WorkerId old = herd.current(0);
  herd.reload(rolling(3, 0, 0, 1));
  EXPECT_TRUE(herd.processes.at(old).told_to_drain);
  EXPECT_THAT(herd.served(), ElementsAre(1, 2));
  EXPECT_EQ(herd.processes.size(), 3U) << "the new one waits for the end of the old one";
  herd.exit(old);
  EXPECT_NE(herd.incoming(0), 0U);
  EXPECT_EQ(herd.processes.size(), 3U);
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 2)) << "and so on";
}

TEST(Rollout, AReloadThatAddsSlotsInBatchesKeepsTheirWorkers) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.reload(rolling(4, 1));
  for (int i = 0; i < 4; ++i) herd.all_ready();
  ASSERT_EQ(herd.concluded.size(), 1U);
  herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2, 2, 2));
  EXPECT_THAT(herd.served(), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(herd.pool().starts, 2U + 4U) << "none was started twice";
  EXPECT_EQ(herd.count(What::SlotLeaving), 0U);
}

TEST(Rollout, SlotsThatAFailedReloadAddedLeaveAgain) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  herd.reload(rolling(4, 2));
  herd.on(WorkerReady{herd.incoming(0)});
  herd.on(WorkerReady{herd.incoming(1)});
  herd.exit(herd.incoming(2));
  herd.settle();
  EXPECT_FALSE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.generations(), ElementsAre(1, 0, 0, 0));
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Rollout, AReplacedSlotWhoseWorkerCrashesGetsOneOfTheNewGeneration) {
  Herd herd;
  herd.serve(pool_spec("web", 3));
  herd.reload(rolling(3, 1));
  herd.on(WorkerReady{herd.incoming(0)});
  EXPECT_THAT(herd.generations(), ElementsAre(2, 1, 1));
  herd.crash(0);
  EXPECT_EQ(herd.worker(herd.current(0)).generation, 2U);
  herd.settle();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2, 2));
}

TEST(Rollout, ASlotThatIsStillToBeReplacedComesBackAsItWas) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.reload(rolling(2, 1));
  herd.crash(1);
  EXPECT_EQ(herd.worker(herd.current(1)).generation, 1U);
  herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2));
}

TEST(Rollout, APoolIsReplacedWhileAnotherOneIsAdded) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(Reload{1, {.generation = 2, .pools = {rolling(2, 1), pool_spec("api", 2)}}});
  EXPECT_TRUE(herd.served("api").empty());
  herd.all_ready();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.served("api"), ElementsAre(0, 1));
}

// --- ready_for and max_failures

TEST(Rollout, ANewWorkerCountsOnlyAfterItHasBeenReadyForAWhile) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  PoolSpec pool = pool_spec("web", 1);
  pool.ready_for = seconds(5);
  herd.reload(pool);
  const WorkerId old = herd.current(0);
  herd.all_ready();
  EXPECT_EQ(herd.current(0), old);
  herd.live_through(milliseconds(4999));
  EXPECT_EQ(herd.current(0), old);
  EXPECT_TRUE(herd.concluded.empty());
  herd.live_through(milliseconds(1));
  EXPECT_NE(herd.current(0), old);
  EXPECT_TRUE(herd.concluded.at(0).ok);
}

TEST(Rollout, ANewWorkerThatEndsWithinThatTimeFailsIt) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  PoolSpec pool = pool_spec("web", 1);
  pool.ready_for = seconds(5);
  herd.reload(pool);
  herd.all_ready();
  herd.live_through(seconds(2));
  herd.exit(herd.incoming(0), ExitKind::Signal, 11);
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_THAT(herd.concluded[0].reasons.at(0), HasSubstr("ended within ready_for"));
  EXPECT_THAT(herd.generations(), ElementsAre(1));
}

TEST(Rollout, SoManyFailuresAreTriedAgain) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  PoolSpec pool = rolling(2, 1);
  pool.max_failures = 3;
  herd.reload(pool);
  for (int i = 0; i < 2; ++i) {
    herd.exit(herd.incoming(0), ExitKind::Status, 1);
    EXPECT_TRUE(herd.concluded.empty());
    EXPECT_EQ(herd.incoming(0), 0U) << "not at once";
    herd.live_through(milliseconds(100));
    ASSERT_NE(herd.incoming(0), 0U);
  }
  herd.exit(herd.incoming(0), ExitKind::Status, 1);
  ASSERT_EQ(herd.concluded.size(), 1U) << "the third one ends it";
  EXPECT_FALSE(herd.concluded[0].ok);
  EXPECT_THAT(herd.generations(), ElementsAre(1, 1));
}

TEST(Rollout, AFailureThatWasTriedAgainIsForgiven) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  PoolSpec pool = pool_spec("web", 2);
  pool.max_failures = 2;
  herd.reload(pool);
  herd.exit(herd.incoming(0), ExitKind::Status, 1);
  herd.on(WorkerReady{herd.incoming(1)});
  EXPECT_TRUE(herd.concluded.empty());
  herd.live_through(milliseconds(100));
  herd.all_ready();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2));
}

// --- the way back

TEST(Rollout, AFailureHalfWayBringsTheOldGenerationBack) {
  Herd herd;
  herd.serve(pool_spec("web", 4));
  herd.reload(rolling(4, 2));
  herd.on(WorkerReady{herd.incoming(0)});
  herd.on(WorkerReady{herd.incoming(1)});
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2, 1, 1));
  herd.exit(herd.incoming(2), ExitKind::Status, 7);
  EXPECT_EQ(herd.count(What::RolledBack), 1U);
  EXPECT_TRUE(herd.concluded.empty()) << "not before it is back";
  EXPECT_EQ(herd.fleet.refusal(Reload{}), Refusal::Busy);
  EXPECT_NE(herd.incoming(0), 0U);
  EXPECT_EQ(herd.incoming(2), 0U);
  herd.settle();
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_FALSE(herd.concluded[0].ok);
  EXPECT_THAT(herd.concluded[0].reasons, ElementsAre(HasSubstr("slot 2")));
  EXPECT_THAT(herd.generations(), ElementsAre(1, 1, 1, 1));
}

TEST(Rollout, AWayBackThatFailsSaysBoth) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.reload(rolling(2, 1));
  herd.on(WorkerReady{herd.incoming(0)});
  herd.exit(herd.incoming(1), ExitKind::Status, 7);
  for (int i = 0; i < 3; ++i) {
    ASSERT_NE(herd.incoming(0), 0U) << "attempt " << i;
    herd.exit(herd.incoming(0), ExitKind::Status, 8);
    herd.live_through(milliseconds(100));
  }
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_THAT(herd.concluded[0].reasons, ElementsAre(HasSubstr("slot 1"), HasSubstr("roll-back")));
  EXPECT_THAT(herd.served(), ElementsAre(0, 1)) << "whoever serves, serves on";
}

TEST(Rollout, AWorkerOfAnotherGenerationThatIsWantedAgainIsReplaced) {
  Herd herd;
  herd.serve(pool_spec("web", 3));
  herd.reload(pool_spec("web", 1));
  herd.all_ready();
  ASSERT_THAT(herd.generations(), ElementsAre(2, 1, 1)) << "two leave";
  herd.on(Scale{"web", 2});
  EXPECT_THAT(herd.served(), ElementsAre(0, 1)) << "it serves as long as it takes";
  herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2, 0));
}

TEST(Rollout, AWorkerOfAFailedReloadThatIsWantedAgainIsReplaced) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  herd.reload(rolling(4, 3));
  for (uint32_t i = 0; i < 3; ++i) herd.on(WorkerReady{herd.incoming(i)});
  herd.exit(herd.incoming(3), ExitKind::Status, 1);
  herd.all_ready();
  ASSERT_THAT(herd.generations(), ElementsAre(1, 2, 2, 0));
  herd.on(Scale{"web", 2});
  herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(1, 1, 0, 0));
}

// A slot on its way out got a last worker for its queue, for whose end the rollout waited for ever.
TEST(Rollout, ASlotThatALaterReloadWantsAgainIsLeftToTheReload) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(Scale{"web", 1});
  herd.reload(rolling(3, 0, 0, 2));
  EXPECT_EQ(herd.pool().starts, 2U) << "nobody is started before the old ones have ended";
  herd.settle();
  EXPECT_FALSE(herd.fleet.is_rolling());
  EXPECT_EQ(herd.pool().starts, 5U);
}

TEST(Rollout, ANewPoolOfAFailedReloadIsNeverServed) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  PoolSpec api = pool_spec("api", 2);
  api.batch = 1;
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("web", 1), api}}});
  herd.on(WorkerReady{herd.incoming(0)});
  herd.on(WorkerReady{herd.incoming(0, "api")});
  herd.exit(herd.incoming(1, "api"), ExitKind::Status, 1);
  EXPECT_FALSE(herd.steered.contains("api"));
  herd.settle();
  EXPECT_FALSE(herd.fleet.pools().contains("api"));
}

// --- restarts

TEST(Rollout, ARestartTakesItsBatchFromTheOptions) {
  Herd herd;
  herd.serve(rolling(4, 2));
  herd.on(Restart{5, "web", std::nullopt});
  EXPECT_EQ(incoming_count(herd), 2U);
  herd.settle();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_EQ(herd.pool().starts, 8U);
}

TEST(Rollout, ARestartOfOneSlotReplacesThatOne) {
  Herd herd;
  herd.serve(pool_spec("web", 3));
  const WorkerId first = herd.current(0);
  const WorkerId second = herd.current(1);
  herd.on(Restart{5, "web", 1});
  herd.settle();
  EXPECT_EQ(herd.current(0), first);
  EXPECT_NE(herd.current(1), second);
}

TEST(Rollout, ARestartThatIsRefusedIsConcluded) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  herd.on(Restart{1, "web", std::nullopt});
  herd.on(Restart{2, "web", std::nullopt});
  ASSERT_EQ(herd.concluded.size(), 1U);
  EXPECT_EQ(herd.concluded[0].ticket, 2U);
  EXPECT_FALSE(herd.concluded[0].ok);
}

// --- what must be quiet first

TEST(Rollout, ARemovedPoolIsQuietBeforeItDrains) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  const WorkerId old = herd.current(0);
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("api", 1)}}});
  herd.all_ready();
  EXPECT_TRUE(herd.served("web").empty());
  EXPECT_EQ(herd.quiet_asked.size(), 2U);
  EXPECT_FALSE(herd.processes.at(old).told_to_drain);
  herd.quiet_all();
  EXPECT_TRUE(herd.processes.at(old).told_to_drain);
  herd.live_through(seconds(20));
  EXPECT_TRUE(herd.processes.at(old).killed) << "its drain_timeout still holds";
  herd.drained_exit();
  EXPECT_FALSE(herd.fleet.pools().contains("web"));
}

TEST(Rollout, ARemovedPoolThatComesBackIsStartedAnew) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(Reload{1, {.generation = 2, .pools = {pool_spec("api", 1)}}});
  herd.all_ready();
  herd.on(Reload{2, {.generation = 3, .pools = {pool_spec("api", 1), pool_spec("web", 1)}}});
  herd.settle();
  EXPECT_TRUE(herd.concluded.at(1).ok);
  EXPECT_THAT(herd.served(), ElementsAre(0));
  EXPECT_THAT(herd.generations(), ElementsAre(3, 0));
  EXPECT_EQ(herd.processes.size(), 2U);
}

TEST(Rollout, AWorkerWithAListenerThatIsDroppedAcceptsUntilItIsQuiet) {
  Herd herd;
  PoolSpec two = pool_spec("web", 1);
  two.listeners = {"web", "old"};
  herd.serve(two);
  const WorkerId old = herd.current(0);
  herd.reload(pool_spec("web", 1));
  herd.all_ready();
  EXPECT_TRUE(herd.concluded.at(0).ok);
  EXPECT_NE(herd.current(0), old);
  EXPECT_FALSE(herd.processes.at(old).told_to_drain);
  EXPECT_TRUE(herd.quiet_asked.contains(old));
  herd.on(WorkerQuiet{old});
  EXPECT_TRUE(herd.processes.at(old).told_to_drain);
}

TEST(Rollout, ItsQuietIsNotWaitedForForEver) {
  Herd herd;
  PoolSpec two = pool_spec("web", 1);
  two.listeners = {"web", "old"};
  herd.serve(two);
  const WorkerId old = herd.current(0);
  herd.reload(pool_spec("web", 1));
  herd.all_ready();
  herd.live_through(seconds(9));
  EXPECT_FALSE(herd.processes.at(old).told_to_drain);
  herd.live_through(seconds(1));
  EXPECT_TRUE(herd.processes.at(old).told_to_drain);
}

TEST(Rollout, AnAddedListenerNeedsNoWaiting) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  const WorkerId old = herd.current(0);
  PoolSpec two = pool_spec("web", 1);
  two.listeners = {"new", "web"};
  herd.reload(two);
  herd.all_ready();
  EXPECT_TRUE(herd.processes.at(old).told_to_drain);
}

// --- generations

TEST(Rollout, TheOldestDrainingGenerationIsForcedOut) {
  Herd herd;
  PoolSpec pool = pool_spec("web", 1);
  pool.max_generations = 2;
  herd.serve(pool);
  const WorkerId first = herd.current(0);
  herd.reload(pool, 2);
  herd.all_ready();
  EXPECT_FALSE(herd.processes.at(first).killed) << "two may live";
  const WorkerId second = herd.current(0);
  herd.reload(pool, 3);
  EXPECT_TRUE(herd.processes.at(first).killed) << "with the start of the third";
  herd.all_ready();
  EXPECT_FALSE(herd.processes.at(second).killed);
  herd.exit(first, ExitKind::Signal, 9);
  EXPECT_EQ(herd.pool().exits.forced_out, 1U);
  EXPECT_EQ(herd.count(What::WorkerForcedOut), 1U);
}

TEST(Rollout, WhoServesIsNeverForcedOut) {
  Herd herd;
  PoolSpec pool = pool_spec("web", 1);
  pool.max_generations = 1;
  herd.serve(pool);
  const WorkerId first = herd.current(0);
  herd.reload(pool, 2);
  EXPECT_FALSE(herd.processes.at(first).killed);
  herd.all_ready();
  EXPECT_TRUE(herd.processes.at(first).killed) << "it drains now";
}

}  // namespace
}  // namespace sockherd::fleet
