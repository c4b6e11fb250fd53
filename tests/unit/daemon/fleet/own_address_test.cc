// Workers with an address of their own: nothing waits for them but what they are asked, by workers
// of other pools.
#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

PoolSpec asked(uint32_t workers) {
  PoolSpec pool = pool_spec("api", workers);
  pool.listeners.clear();
  pool.has_own_address = true;
  return pool;
}

Spec both(uint32_t workers, uint32_t generation = 1) {
  PoolSpec front = pool_spec("web", 1);
  front.asks = {"api"};
  return {.generation = generation, .pools = {front, asked(workers)}};
}

class OwnAddress : public testing::Test {
 protected:
  void serve(uint32_t workers) {
    herd_.start(both(workers));
    herd_.all_ready();
  }
  bool is_told_to_go(WorkerId id) const { return herd_.processes.at(id).must_go(); }

  Herd herd_;
};

TEST_F(OwnAddress, IsToldToGoWhenItHasFinishedWhatItWasAsked) {
  serve(1);
  const WorkerId old = herd_.current(0, "api");
  herd_.on(Reload{101, both(1, 2)});
  herd_.all_ready();
  const WorkerId fresh = herd_.current(0, "api");
  ASSERT_NE(fresh, old);
  EXPECT_TRUE(herd_.worker(old).leaving);
  EXPECT_FALSE(is_told_to_go(old));
  herd_.on(WorkerQuiet{old});
  EXPECT_TRUE(is_told_to_go(old));
  EXPECT_FALSE(is_told_to_go(fresh));
}

TEST_F(OwnAddress, IsNotWaitedForLongerThanADrainMayTake) {
  serve(1);
  const WorkerId old = herd_.current(0, "api");
  herd_.on(Reload{101, both(1, 2)});
  herd_.all_ready();
  herd_.live_through(seconds(19));
  EXPECT_FALSE(is_told_to_go(old));
  herd_.live_through(seconds(1));
  EXPECT_TRUE(is_told_to_go(old));
}

// As long as the old one has a request, nobody takes its place; meanwhile nobody is asked at all.
TEST_F(OwnAddress, GivesWayOnlyWhenItIsQuiet) {
  Spec spec = both(1);
  spec.pools[1].max_surge = 0;
  herd_.start(spec);
  herd_.all_ready();
  const WorkerId old = herd_.current(0, "api");
  herd_.on(Restart{7, "api", std::nullopt});
  EXPECT_TRUE(herd_.served("api").empty());
  EXPECT_FALSE(is_told_to_go(old));
  herd_.on(WorkerQuiet{old});
  EXPECT_TRUE(is_told_to_go(old));
  EXPECT_EQ(herd_.incoming(0, "api"), 0U);
  herd_.exit(old);
  herd_.all_ready();
  EXPECT_EQ(herd_.served("api"), std::vector<uint32_t>{0});
}

TEST_F(OwnAddress, AfterACrashNothingIsLeftThere) {
  serve(2);
  herd_.crash(1, "api");
  EXPECT_EQ(herd_.served("api"), std::vector<uint32_t>{0});
  const uint64_t starts = herd_.pool("api").starts;
  herd_.on(Scale{"api", 1});
  herd_.settle();
  EXPECT_LE(herd_.pool("api").starts, starts + 1);
  EXPECT_EQ(herd_.current(1, "api"), 0U);
}

TEST_F(OwnAddress, EndsAfterThoseWhoMayAsk) {
  serve(2);
  herd_.on(Stop{});
  EXPECT_EQ(herd_.served("api").size(), 2U);
  herd_.quiet_all();
  EXPECT_FALSE(is_told_to_go(herd_.current(0, "api")));
  herd_.drained_exit();  // those who ask
  EXPECT_TRUE(herd_.served("api").empty());
  herd_.settle();
  EXPECT_EQ(herd_.finished, 1);
}

TEST_F(OwnAddress, WithoutPatienceEverybodyEndsAtOnce) {
  serve(2);
  herd_.on(StopNow{});
  for (const auto& [id, process] : herd_.processes) EXPECT_TRUE(process.killed);
}

// Workers of the configuration before may still ask.
TEST_F(OwnAddress, APoolThatIsRemovedServesThoseWhoKnowIt) {
  serve(1);
  const WorkerId old = herd_.current(0, "api");
  const WorkerId asker = herd_.current(0);
  herd_.on(Reload{101, {.generation = 2, .pools = {pool_spec("web", 1)}}});
  herd_.all_ready();
  EXPECT_TRUE(herd_.pool("api").removed);
  EXPECT_FALSE(herd_.worker(old).leaving);
  herd_.exit(asker);
  EXPECT_TRUE(herd_.worker(old).leaving);
  herd_.settle();
  EXPECT_FALSE(herd_.fleet.pools().contains("api"));
}

TEST_F(OwnAddress, IsKnownToASuccessor) {
  serve(1);
  const WorkerId old = herd_.current(0, "api");
  herd_.succeed(both(1, 2), true);
  herd_.all_ready();
  EXPECT_TRUE(herd_.worker(old).leaving);
  EXPECT_FALSE(is_told_to_go(old));
}

}  // namespace
}  // namespace sockherd::fleet
