// Until when what is under way is waited for. That everything has a bound is an invariant.
#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

class Awaited : public testing::Test {
 protected:
  // From now on; nothing = not.
  std::optional<Duration> left() const {
    const auto until = herd_.fleet.awaited_until();
    return until ? std::optional(*until - herd_.now) : std::nullopt;
  }

  Herd herd_;
};

TEST_F(Awaited, TheFirstStartForAsLongAsAWorkerMayTake) {
  PoolSpec slow = pool_spec("web", 2);
  slow.start_timeout = std::chrono::minutes(5);
  herd_.start({.generation = 1, .pools = {slow}});
  EXPECT_EQ(left(), std::chrono::minutes(5));
  herd_.pass(seconds(60));
  EXPECT_EQ(left(), std::chrono::minutes(4));
  herd_.on(WorkerExtends{herd_.current(0), std::chrono::minutes(10)});
  EXPECT_EQ(left(), std::chrono::minutes(10));
  herd_.all_ready();
  EXPECT_EQ(left(), std::nullopt);
}

// docs/proxy.md told people to count both and raise TimeoutStartSec=.
TEST_F(Awaited, TheFirstStartOfAPoolThatWaitsForAnother) {
  PoolSpec api = pool_spec("api", 1);
  api.listeners.clear();
  api.has_own_address = true;
  api.start_timeout = std::chrono::minutes(3);
  PoolSpec web = pool_spec("web", 1);
  web.asks = {"api"};
  herd_.start({.generation = 1, .pools = {api, web}});
  EXPECT_EQ(left(), std::chrono::minutes(3));
  herd_.pass(std::chrono::minutes(2));
  herd_.on(WorkerReady{herd_.current(0, "api")});
  EXPECT_EQ(left(), web.start_timeout) << "now it starts itself";
}

TEST_F(Awaited, TheFirstStartNotForASlotThatHasFailed) {
  herd_.start(2);
  herd_.on(WorkerReady{herd_.current(0)});
  for (uint32_t i = 0; i < kAttempts; ++i) {
    EXPECT_TRUE(left()) << i;
    herd_.crash(1);
    if (herd_.slot(1).retry_at) herd_.live_through(seconds(1));
  }
  EXPECT_EQ(left(), std::nullopt) << "its sibling serves";
}

TEST_F(Awaited, AReloadBatchByBatchAndWhatItsWorkersMustStand) {
  PoolSpec pool = pool_spec("web", 2);
  pool.batch = 1;
  pool.ready_for = seconds(7);
  herd_.serve(pool);
  EXPECT_EQ(left(), std::nullopt);
  herd_.reload(pool);
  for (const uint32_t slot : {0U, 1U}) {
    EXPECT_EQ(left(), pool.start_timeout);
    herd_.on(WorkerReady{herd_.incoming(slot)});
    EXPECT_EQ(left(), seconds(7));
    herd_.live_through(seconds(7));
  }
  EXPECT_EQ(left(), std::nullopt) << "those who were replaced drain, and nobody waits for that";
}

TEST_F(Awaited, AReloadForTheOldWorkerThatGivesWay) {
  PoolSpec pool = pool_spec("web", 1);
  pool.max_surge = 0;
  pool.max_unavailable = 1;
  herd_.serve(pool);
  const WorkerId old = herd_.current(0);
  herd_.reload(pool);
  EXPECT_EQ(left(), pool.drain_timeout);
  herd_.exit(old);
  EXPECT_EQ(left(), pool.start_timeout);
}

TEST_F(Awaited, TheEndForTheSlowestThatDrains) {
  PoolSpec other = pool_spec("other", 1);
  other.listeners = {"other"};
  other.drain_timeout = std::chrono::minutes(30);
  herd_.start({.generation = 1, .pools = {pool_spec("web", 1), other}});
  herd_.all_ready();
  herd_.on(Stop{});
  EXPECT_EQ(left(), seconds(10)) << "until it is quiet";
  herd_.quiet_all();
  EXPECT_EQ(left(), std::chrono::minutes(30));
  herd_.live_through(std::chrono::minutes(30));
  EXPECT_EQ(left(), std::nullopt) << "killed: nobody knows when that is over";
}

}  // namespace
}  // namespace sockherd::fleet
