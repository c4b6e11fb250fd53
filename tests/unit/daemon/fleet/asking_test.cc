// Pools that ask others behind a proxy route do not accept before there is somebody to ask.
#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PoolSpec asked(const std::string& name = "api", uint32_t workers = 1) {
  PoolSpec pool = pool_spec(name, workers);
  pool.listeners.clear();
  pool.has_own_address = true;
  return pool;
}

// "web" in front of "api".
PoolSpec front(std::vector<std::string> asks = {"api"}) {
  PoolSpec pool = pool_spec("web", 1);
  pool.asks = std::move(asks);
  return pool;
}

Spec both(uint32_t generation = 1) {
  return {.generation = generation, .pools = {front(), asked()}};
}
Spec alone(uint32_t generation = 1) {
  return {.generation = generation, .pools = {pool_spec("web", 1)}};
}

class Asking : public testing::Test {
 protected:
  // The first configuration has no "api"; the reload brings it and who asks it.
  void reload_to(Spec spec) {
    herd_.start(alone());
    herd_.all_ready();
    old_ = herd_.current(0);
    herd_.on(Reload{101, std::move(spec)});
  }
  bool has_ended(bool ok) const {
    return herd_.concluded.size() == 1 && herd_.concluded[0].ok == ok;
  }
  void fail_start(const std::string& pool) {
    for (uint32_t i = 0; i < kAttempts; ++i) {
      herd_.live_through(seconds(1));
      herd_.exit(herd_.current(0, pool), ExitKind::Status, 1);
    }
  }

  Herd herd_;
  WorkerId old_ = 0;
};

// --- reloads

TEST_F(Asking, AReloadStartsWhoAsksOnlyWhenThereIsSomebodyToAsk) {
  reload_to(both(2));
  EXPECT_EQ(herd_.incoming(0), 0U);
  herd_.live_through(seconds(20));
  EXPECT_EQ(herd_.incoming(0), 0U);
  EXPECT_EQ(herd_.current(0), old_);
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  EXPECT_NE(herd_.incoming(0), 0U);
  EXPECT_THAT(herd_.served("api"), ElementsAre(0)) << "it is asked from now on";
  EXPECT_THAT(herd_.served(), ElementsAre(0));
  EXPECT_EQ(herd_.current(0), old_);
  herd_.all_ready();
  EXPECT_TRUE(has_ended(true));
}

TEST_F(Asking, OneOfThemIsEnough) {
  Spec spec = both(2);
  spec.pools[1].workers = 3;
  reload_to(spec);
  herd_.on(WorkerReady{herd_.incoming(1, "api")});
  EXPECT_NE(herd_.incoming(0), 0U);
  EXPECT_TRUE(herd_.concluded.empty()) << "the others are still waited for";
  herd_.all_ready();
  EXPECT_TRUE(has_ended(true));
}

TEST_F(Asking, OneThatEndsWithinReadyForHasNotBeenThere) {
  Spec spec = both(2);
  spec.pools[1].ready_for = seconds(5);
  reload_to(spec);
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  EXPECT_EQ(herd_.incoming(0), 0U);
  herd_.live_through(seconds(5));
  EXPECT_NE(herd_.incoming(0), 0U);
}

TEST_F(Asking, AReloadWhosePoolDoesNotGetReadyChangesNothing) {
  reload_to(both(2));
  herd_.exit(herd_.incoming(0, "api"), ExitKind::Status, 1);
  EXPECT_TRUE(has_ended(false));
  EXPECT_EQ(herd_.current(0), old_);
  EXPECT_THAT(herd_.generations(), ElementsAre(1));
  EXPECT_EQ(herd_.processes.size(), 1U);
}

// Whoever asks it by then finishes first.
TEST_F(Asking, AReloadWhoseFrontFailsEndsBoth) {
  reload_to(both(2));
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  const WorkerId api = herd_.incoming(0, "api");
  herd_.exit(herd_.incoming(0), ExitKind::Status, 1);
  EXPECT_TRUE(has_ended(false));
  EXPECT_EQ(herd_.current(0), old_);
  EXPECT_FALSE(herd_.processes.at(api).must_go());
  EXPECT_TRUE(herd_.worker(api).leaving);
  herd_.settle();
  EXPECT_FALSE(herd_.fleet.pools().contains("api"));
}

TEST_F(Asking, PoolsThatServeAreNotWaitedFor) {
  herd_.start(both());
  herd_.all_ready();
  herd_.on(Reload{101, both(2)});
  EXPECT_NE(herd_.incoming(0), 0U);
  EXPECT_NE(herd_.incoming(0, "api"), 0U);
}

// Nobody can be asked of a pool whose workers accept themselves, until its new ones are there.
TEST_F(Asking, AChangeOfTheHandoverIsWaitedFor) {
  herd_.start({.generation = 1, .pools = {pool_spec("web", 1), pool_spec("api", 1)}});
  herd_.all_ready();
  const WorkerId old = herd_.current(0, "api");
  herd_.on(Reload{101, both(2)});
  EXPECT_EQ(herd_.incoming(0), 0U);
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  EXPECT_NE(herd_.incoming(0), 0U);
  EXPECT_THAT(herd_.steered.at("api"),
              ElementsAre(Served{0, herd_.incoming(0, "api")}, Served{0, old}));
  herd_.all_ready();
  EXPECT_TRUE(has_ended(true));
  EXPECT_THAT(herd_.steered.at("api"), ElementsAre(Served{0, herd_.current(0, "api")}));
}

TEST_F(Asking, WhoWasAskedFinishesWhenAChangeOfTheHandoverFails) {
  herd_.start({.generation = 1, .pools = {pool_spec("web", 1), pool_spec("api", 1)}});
  herd_.all_ready();
  const WorkerId old = herd_.current(0, "api");
  herd_.on(Reload{101, both(2)});
  const WorkerId fresh = herd_.incoming(0, "api");
  herd_.on(WorkerReady{fresh});
  herd_.exit(herd_.incoming(0), ExitKind::Status, 1);
  EXPECT_TRUE(has_ended(false));
  EXPECT_EQ(herd_.current(0, "api"), old);
  EXPECT_FALSE(herd_.processes.at(fresh).must_go());
  herd_.on(WorkerQuiet{fresh});
  EXPECT_TRUE(herd_.processes.at(fresh).must_go());
}

// It is about to leave.
TEST_F(Asking, AWorkerInASlotThatNobodyWantsDoesNotCount) {
  herd_.start({.generation = 1, .pools = {pool_spec("web", 1), asked("api", 2)}});
  herd_.on(WorkerReady{herd_.current(0)});
  herd_.on(Scale{"api", 1});
  herd_.on(Reload{101, both(2)});
  herd_.on(WorkerReady{herd_.current(1, "api")});
  EXPECT_EQ(herd_.incoming(0), 0U);
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  EXPECT_NE(herd_.incoming(0), 0U);
}

// --- the first start

TEST_F(Asking, TheFirstSetAcceptsOnlyWhenThereIsSomebodyToAsk) {
  herd_.start(both());
  EXPECT_EQ(herd_.current(0), 0U);
  EXPECT_EQ(herd_.count(What::PoolWaits), 1U);
  herd_.live_through(seconds(20));
  EXPECT_EQ(herd_.current(0), 0U);
  herd_.on(WorkerReady{herd_.current(0, "api")});
  EXPECT_NE(herd_.current(0), 0U);
  EXPECT_EQ(herd_.started_up, 0) << "it is not ready yet";
  herd_.all_ready();
  EXPECT_EQ(herd_.started_up, 1);
  EXPECT_EQ(herd_.count(What::PoolServesWithout), 0U);
}

TEST_F(Asking, ItServesWithoutOneThatCrashesAgainAndAgain) {
  herd_.start(both());
  fail_start("api");
  EXPECT_EQ(herd_.start_failed, 0);
  EXPECT_NE(herd_.current(0), 0U);
  ASSERT_EQ(herd_.count(What::PoolServesWithout), 1U);
  herd_.all_ready();
  EXPECT_EQ(herd_.started_up, 1);
  EXPECT_THAT(herd_.served(), ElementsAre(0));
}

// Not for as long as three attempts take, nor for as long as the program asks for.
TEST_F(Asking, ItServesWithoutOneThatTakesLongerThanStartTimeout) {
  herd_.start(both());
  herd_.on(WorkerExtends{herd_.current(0, "api"), seconds(300)});
  herd_.live_through(seconds(29));
  EXPECT_EQ(herd_.current(0), 0U);
  herd_.live_through(seconds(1));
  EXPECT_NE(herd_.current(0), 0U);
  EXPECT_EQ(herd_.count(What::PoolServesWithout), 1U);
  herd_.on(WorkerReady{herd_.current(0)});
  EXPECT_EQ(herd_.started_up, 1);
  EXPECT_THAT(herd_.served("api"), IsEmpty());
  herd_.on(WorkerReady{herd_.current(0, "api")});
  EXPECT_THAT(herd_.served("api"), ElementsAre(0));
}

TEST_F(Asking, EachOfThemIsWaitedFor) {
  herd_.start({.generation = 1, .pools = {front({"api", "other"}), asked(), asked("other")}});
  fail_start("api");
  EXPECT_EQ(herd_.start_failed, 0);
  EXPECT_EQ(herd_.current(0), 0U);
  herd_.on(WorkerReady{herd_.current(0, "other")});
  EXPECT_NE(herd_.current(0), 0U);
}

// Nobody would serve.
TEST_F(Asking, APoolThatNobodyAsksStillFailsTheStart) {
  herd_.start({.generation = 1, .pools = {front({}), asked()}});
  herd_.all_ready();
  EXPECT_NE(herd_.current(0), 0U) << "it asks nobody";
  Herd other;
  other.start({.generation = 1, .pools = {front({}), asked()}});
  for (uint32_t i = 0; i < kAttempts; ++i) {
    other.live_through(seconds(1));
    other.exit(other.current(0, "api"), ExitKind::Status, 1);
  }
  EXPECT_EQ(other.start_failed, 1);
  EXPECT_THAT(other.start_failure, HasSubstr("api"));
}

TEST_F(Asking, ARestartOfWhoWaitsWaits) {
  herd_.start(both());
  herd_.on(Restart{7, "web", std::nullopt});
  EXPECT_EQ(herd_.incoming(0) + herd_.current(0), 0U);
  herd_.settle();
  EXPECT_TRUE(has_ended(true));
}

TEST_F(Asking, AReloadEndsTheWaiting) {
  herd_.start({.generation = 1, .pools = {front(), asked(), pool_spec("other", 1)}});
  herd_.on(Reload{101, {.generation = 2, .pools = {pool_spec("other", 1)}}});
  herd_.all_ready();
  EXPECT_TRUE(has_ended(true));
  EXPECT_EQ(herd_.started_up, 1);
  herd_.settle();
  EXPECT_EQ(herd_.fleet.pools().size(), 1U);
}

// In the middle of it: whoever it waits for is replaced by one that nobody asks.
TEST_F(Asking, AChangeOfTheHandoverEndsTheWaiting) {
  herd_.start(both());
  PoolSpec api = pool_spec("api", 2);
  api.batch = 1;
  herd_.on(Reload{101, {.generation = 2, .pools = {api}}});
  EXPECT_EQ(herd_.current(0), 0U);
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  EXPECT_TRUE(herd_.fleet.is_rolling());
  EXPECT_NE(herd_.current(0), 0U);
}

TEST_F(Asking, AStopEndsTheWaiting) {
  herd_.start(both());
  herd_.on(Stop{});
  herd_.settle();
  EXPECT_EQ(herd_.finished, 1);
  EXPECT_FALSE(herd_.fleet.next_deadline());
}

// --- later

TEST_F(Asking, WhoServesIsLeftAloneWhenNobodyCanBeAskedAnyMore) {
  herd_.start(both());
  herd_.all_ready();
  const WorkerId web = herd_.current(0);
  for (int i = 0; i < 5; ++i) {
    herd_.live_through(seconds(20));
    if (herd_.current(0, "api") != 0) herd_.crash(0, "api");
  }
  EXPECT_EQ(herd_.current(0), web);
  EXPECT_THAT(herd_.served(), ElementsAre(0));
  herd_.crash(0);
  EXPECT_NE(herd_.current(0), 0U) << "its successor comes at once";
  herd_.on(Scale{"web", 2});
  EXPECT_NE(herd_.current(1), 0U);
}

TEST_F(Asking, ARestartOfTheSupervisorWaitsForNobody) {
  herd_.start(both());
  herd_.all_ready();
  const WorkerId web = herd_.current(0);
  herd_.ended(herd_.current(0, "api"));
  herd_.succeed(both(2));
  EXPECT_EQ(herd_.current(0), web);
  EXPECT_THAT(herd_.served(), ElementsAre(0));
  EXPECT_EQ(herd_.started_up, 1);
  EXPECT_EQ(herd_.count(What::PoolWaits), 0U);
  fail_start("api");
  EXPECT_EQ(herd_.start_failed, 0) << "it serves on, whatever becomes of the other pool";
}

// The configuration before did not ask.
TEST_F(Asking, AnUpgradeWaitsAsAReloadDoes) {
  herd_.start(alone());
  herd_.all_ready();
  const WorkerId web = herd_.current(0);
  herd_.succeed(both(2), true);
  EXPECT_EQ(herd_.started_up, 0);
  EXPECT_EQ(herd_.incoming(0), 0U);
  EXPECT_THAT(herd_.served(), ElementsAre(0));
  herd_.on(WorkerReady{herd_.current(0, "api")});
  EXPECT_EQ(herd_.started_up, 1);
  EXPECT_EQ(herd_.current(0), web);
  EXPECT_NE(herd_.incoming(0), 0U);
}

// Its survivors hold the slots, so nobody starts before the rollout that this start is followed by.
TEST_F(Asking, AnUpgradeThatChangesTheHandoverIsNotWaitedForAtTheStart) {
  herd_.start({.generation = 1, .pools = {pool_spec("web", 1), pool_spec("api", 1)}});
  herd_.all_ready();
  herd_.succeed(both(2), true);
  EXPECT_EQ(herd_.count(What::PoolWaits), 0U);
  EXPECT_EQ(herd_.started_up, 1);
  EXPECT_EQ(herd_.incoming(0), 0U);
  ASSERT_NE(herd_.incoming(0, "api"), 0U);
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  EXPECT_NE(herd_.incoming(0), 0U);
}

}  // namespace
}  // namespace sockherd::fleet
