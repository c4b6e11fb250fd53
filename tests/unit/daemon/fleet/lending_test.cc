// What waits in a slot without a worker is accepted by a sibling.
#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::Pair;

PoolSpec lending(uint32_t workers) {
  PoolSpec pool = pool_spec("web", workers);
  pool.can_lend = true;
  return pool;
}

WorkerId lender(const Herd& herd, uint32_t slot) {
  return herd.slot(slot).lent_to.value_or(0);
}

TEST(Lending, ASlotIsLentAtOnceAndTakenBackWhenItsWorkerIsReady) {
  Herd herd;
  herd.serve(lending(2));
  const Actions crash = herd.on(WorkerExited{herd.current(1), ExitKind::Signal, 11, "test"});
  EXPECT_EQ(count_of<Lend>(crash), 1U);
  EXPECT_EQ(lender(herd, 1), herd.current(0));
  EXPECT_EQ(herd.count(What::SlotLent), 1U);
  const Actions ready = herd.on(WorkerReady{herd.current(1)});
  EXPECT_EQ(count_of<TakeBack>(ready), 1U);
  EXPECT_TRUE(herd.loans.empty());
}

TEST(Lending, OnlyWhoCanLendsAndOnlyWhatWasServed) {
  Herd herd;
  herd.start(2);  // a foreign program
  herd.all_ready();
  herd.crash(1);
  EXPECT_TRUE(herd.loans.empty());

  Herd other;
  other.start({.generation = 1, .pools = {lending(2)}});
  other.on(WorkerReady{other.current(0)});
  EXPECT_TRUE(other.loans.empty()) << "slot 1 was never served";
}

TEST(Lending, TheOnlyWorkerHasNoSibling) {
  Herd herd;
  herd.serve(lending(1));
  herd.crash(0);
  EXPECT_TRUE(herd.loans.empty());
}

TEST(Lending, SeveralSlotsAreLentFairly) {
  Herd herd;
  herd.serve(lending(4));
  herd.crash(2);
  herd.crash(3);
  EXPECT_NE(lender(herd, 2), lender(herd, 3));
  EXPECT_EQ(herd.loans.size(), 2U);
}

TEST(Lending, WhenTheLenderDiesAnotherOneTakesItsSlotAndTheLentOne) {
  Herd herd;
  herd.serve(lending(3));
  herd.crash(2);
  const uint32_t first = herd.worker(lender(herd, 2)).slot;
  herd.crash(first);
  const uint32_t other = 1 - first;
  EXPECT_THAT(herd.loans, ElementsAre(Pair(Pair("web", first), herd.current(other)),
                                      Pair(Pair("web", 2), herd.current(other))));
}

TEST(Lending, WhenTheLenderDrainsAnotherOneTakesTheSlot) {
  Herd herd;
  herd.serve(lending(3));
  herd.exit(herd.current(2), ExitKind::Signal, 11);
  herd.exit(herd.current(2), ExitKind::Signal, 11);  // in backoff now
  const WorkerId before = lender(herd, 2);
  herd.on(WorkerStopping{before});
  EXPECT_NE(lender(herd, 2), before);
  EXPECT_NE(lender(herd, 2), 0U);
}

// It would have been lent to one that has let go of its listeners, again with each event.
TEST(Lending, TheLastOneThatServesDoesNotLendOnceItDrains) {
  Herd herd;
  herd.serve(lending(2));
  herd.crash(1);
  herd.on(WorkerStopping{herd.current(0)});
  EXPECT_TRUE(herd.loans.empty());
  herd.all_ready();
  EXPECT_THAT(herd.served(), ElementsAre(0, 1));
}

TEST(Lending, ASlotWhoseOldWorkerGoesFirstIsLentMeanwhile) {
  Herd herd;
  PoolSpec pool = lending(3);
  pool.max_surge = 0;
  pool.max_unavailable = 1;
  herd.serve(pool);
  herd.reload(pool);
  EXPECT_NE(lender(herd, 0), 0U);
  herd.drained_exit();
  herd.on(WorkerReady{herd.incoming(0)});
  EXPECT_EQ(lender(herd, 0), 0U);
  EXPECT_NE(lender(herd, 1), 0U) << "the next one";
}

TEST(Lending, ANewWorkerThatDoesNotCountYetAcceptsAllTheSame) {
  Herd herd;
  herd.serve(lending(2));
  PoolSpec pool = lending(2);
  pool.ready_for = seconds(60);
  herd.reload(pool);
  herd.on(WorkerReady{herd.incoming(1)});
  herd.crash(1);
  EXPECT_TRUE(herd.loans.empty());
}

TEST(Lending, ALeavingSlotIsLentUntilItsLastWorkerIsReady) {
  Herd herd;
  herd.serve(lending(2));
  herd.on(Scale{"web", 1});
  herd.crash(1);
  EXPECT_EQ(lender(herd, 1), herd.current(0));
  herd.all_ready();
  EXPECT_TRUE(herd.loans.empty());
  herd.settle();
  EXPECT_EQ(herd.processes.size(), 1U);
}

TEST(Lending, ASlotThatIsGivenUpIsTakenBack) {
  Herd herd;
  herd.serve(lending(2));
  herd.on(Scale{"web", 1});
  for (int i = 0; i < 3; ++i) {
    herd.exit(herd.current(1), ExitKind::NotStarted, 2);
    herd.live_through(seconds(40));
  }
  EXPECT_FALSE(herd.slot(1).dirty);
  EXPECT_TRUE(herd.loans.empty());
}

// Found in review: the slot was taken back, and what waited there was lost with its socket.
TEST(Lending, AtAStopWhoeverHasSomethingLentKeepsIt) {
  Herd herd;
  herd.serve(lending(2));
  herd.crash(1);
  ASSERT_EQ(herd.loans.size(), 1U);
  EXPECT_EQ(count_of<TakeBack>(herd.on(Stop{})), 0U);
  EXPECT_EQ(herd.loans.size(), 1U);
}

}  // namespace
}  // namespace sockherd::fleet
