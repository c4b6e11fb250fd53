// Worn workers are replaced by fresh ones, without haste.
#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;

size_t renewing(const Herd& herd) {
  size_t count = 0;
  for (const Slot& slot : herd.pool().slots) count += slot.incoming ? 1 : 0;
  return count;
}

TEST(Renewal, AWornWorkerServesUntilItsSuccessorIsReady) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  const WorkerId worn = herd.current(0);
  herd.on(WorkerWorn{worn, "max_requests"});
  EXPECT_NE(herd.incoming(0), 0U);
  EXPECT_EQ(herd.current(0), worn);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
  herd.all_ready();
  EXPECT_TRUE(herd.processes.at(worn).told_to_drain);
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
  EXPECT_EQ(herd.count(What::WorkerWorn), 1U);
  EXPECT_EQ(herd.slot(0).restarts, 0U) << "that was wanted";
}

TEST(Renewal, OneAtATime) {
  Herd herd;
  herd.serve(pool_spec("web", 3));
  for (uint32_t i = 0; i < 3; ++i) herd.on(WorkerWorn{herd.current(i), "test"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(renewing(herd), 1U);
    for (const auto& [id, w] : std::map(herd.fleet.workers())) {
      if (w.phase == Phase::Starting) herd.on(WorkerReady{id});
    }
  }
  EXPECT_EQ(renewing(herd), 0U);
  EXPECT_EQ(herd.pool().starts, 6U);
}

TEST(Renewal, OfOldAgeUpToAFifthEarlier) {
  Herd herd;
  PoolSpec pool = pool_spec("web", 4);
  pool.max_age = seconds(1000);
  herd.serve(pool);
  herd.live_through(seconds(799));
  EXPECT_EQ(herd.count(What::WorkerWorn), 0U);
  for (int second = 799; second < 1000; ++second) {
    herd.live_through(seconds(1));
    herd.settle();
  }
  EXPECT_EQ(herd.count(What::WorkerWorn), 4U);
  EXPECT_EQ(herd.pool().starts, 8U);
  EXPECT_EQ(renewing(herd), 0U) << "the new ones are young";
}

TEST(Renewal, OneThatFailsIsTriedAgainLater) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  const WorkerId worn = herd.current(1);
  herd.on(WorkerWorn{worn, "test"});
  herd.exit(herd.incoming(1), ExitKind::Status, 1);
  EXPECT_EQ(herd.current(1), worn) << "it serves on";
  EXPECT_EQ(renewing(herd), 0U);
  herd.live_through(seconds(29));
  EXPECT_EQ(renewing(herd), 0U);
  herd.live_through(seconds(1));
  EXPECT_EQ(renewing(herd), 1U);
}

TEST(Renewal, OneThatFailsDoesNotKeepTheOthersWaiting) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(WorkerWorn{herd.current(0), "test"});
  herd.on(WorkerWorn{herd.current(1), "test"});
  herd.exit(herd.incoming(0), ExitKind::Status, 1);
  EXPECT_NE(herd.incoming(1), 0U);
}

TEST(Renewal, AReloadTakesOver) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(WorkerWorn{herd.current(0), "test"});
  const WorkerId successor = herd.incoming(0);
  herd.reload(pool_spec("web", 2));
  EXPECT_TRUE(herd.processes.at(successor).told_to_drain);
  herd.settle();
  EXPECT_THAT(herd.generations(), ElementsAre(2, 2));
  EXPECT_EQ(herd.pool().starts, 5U);
}

TEST(Renewal, AReloadThatFailsLeavesItToBeDoneAfterwards) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  const WorkerId worn = herd.current(0);
  herd.on(WorkerWorn{worn, "test"});
  herd.reload(pool_spec("web", 2));
  herd.exit(herd.incoming(1), ExitKind::Status, 1);
  EXPECT_FALSE(herd.concluded.at(0).ok);
  herd.settle();
  EXPECT_NE(herd.current(0), worn);
}

TEST(Renewal, AWornWorkerThatCrashesIsReplacedByItsSuccessor) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(WorkerWorn{herd.current(0), "test"});
  const WorkerId successor = herd.incoming(0);
  herd.crash(0);
  EXPECT_EQ(herd.processes.size(), 2U) << "no third one";
  herd.on(WorkerReady{successor});
  EXPECT_EQ(herd.current(0), successor);
}

TEST(Renewal, ASlotThatLeavesMeanwhileLeavesWithItsNewWorker) {
  Herd herd;
  herd.serve(pool_spec("web", 2));
  herd.on(WorkerWorn{herd.current(1), "test"});
  herd.on(Scale{"web", 1});
  herd.settle();
  EXPECT_EQ(herd.processes.size(), 1U);
  EXPECT_THAT(herd.served(), ElementsAre(0));
}

TEST(Renewal, StopTakesTheSuccessorBack) {
  Herd herd;
  herd.serve(pool_spec("web", 1));
  herd.on(WorkerWorn{herd.current(0), "test"});
  const WorkerId successor = herd.incoming(0);
  herd.on(Stop{});
  EXPECT_TRUE(herd.processes.at(successor).told_to_drain);
  herd.settle();
  EXPECT_EQ(herd.finished, 1);
}

}  // namespace
}  // namespace sockherd::fleet
