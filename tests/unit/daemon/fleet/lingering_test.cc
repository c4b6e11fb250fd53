// Workers with an address of their own whose slot is not theirs any more, and whom those ask on
// whose configuration knows nobody else.
#include <gmock/gmock.h>

#include "tests/unit/daemon/fleet/herd.h"

namespace sockherd::fleet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PoolSpec front() {
  PoolSpec pool = pool_spec("web", 1);
  pool.asks = {"api"};
  return pool;
}
PoolSpec asked(uint32_t workers = 1) {
  PoolSpec pool = pool_spec("api", workers);
  pool.listeners.clear();
  pool.has_own_address = true;
  return pool;
}

class Lingering : public testing::Test {
 protected:
  // "web" in front of "api".
  void serve(const PoolSpec& api = asked()) {
    herd_.start({.generation = 1, .pools = {front(), api}});
    herd_.all_ready();
    web_ = herd_.current(0);
    api_ = herd_.current(0, "api");
  }
  void reload(std::vector<PoolSpec> pools, uint32_t generation = 2) {
    herd_.on(Reload{100 + generation, {.generation = generation, .pools = std::move(pools)}});
  }
  // From now on "api" accepts itself, and there is no other pool.
  void change_the_handover() {
    reload({pool_spec("api", 1)});
    herd_.all_ready();
  }
  bool is_told_to_go(WorkerId id) const { return herd_.processes.at(id).must_go(); }
  bool is_asked(WorkerId id) const {
    const auto& served = herd_.steered.at("api");
    return std::any_of(served.begin(), served.end(),
                       [id](const Served& one) { return one.worker == id; });
  }

  Herd herd_;
  WorkerId web_ = 0;
  WorkerId api_ = 0;
};

TEST_F(Lingering, WhoServedBeforeAChangeOfTheHandoverIsAskedUntilThoseWhoAskHaveEnded) {
  serve();
  change_the_handover();
  EXPECT_THAT(herd_.steered.at("api"),
              ElementsAre(Served{0, herd_.current(0, "api")}, Served{0, api_}));
  herd_.quiet_all();
  EXPECT_TRUE(is_told_to_go(web_));
  EXPECT_TRUE(is_asked(api_)) << "it may have accepted, and asks to its end";
  herd_.exit(web_);
  EXPECT_THAT(herd_.steered.at("api"), ElementsAre(Served{0, herd_.current(0, "api")}));
  EXPECT_FALSE(is_told_to_go(api_)) << "it finishes what it was asked";
  herd_.on(WorkerQuiet{api_});
  EXPECT_TRUE(is_told_to_go(api_));
}

TEST_F(Lingering, ThoseWhoAreReplacedAskToo) {
  serve();
  reload({pool_spec("web", 1), pool_spec("api", 1)});
  herd_.all_ready();
  EXPECT_TRUE(is_told_to_go(web_)) << "its successor has its listener";
  EXPECT_TRUE(is_asked(api_));
  herd_.exit(web_);
  EXPECT_FALSE(is_asked(api_));
}

// In force again: its own workers are asked.
TEST_F(Lingering, ItEndsWhenSomebodyElseCanBeAskedInTheSlot) {
  serve();
  change_the_handover();
  reload({front(), asked()}, 3);
  EXPECT_TRUE(is_asked(api_));
  herd_.on(WorkerReady{herd_.incoming(0, "api")});
  EXPECT_FALSE(is_asked(api_));
  herd_.settle();
  EXPECT_EQ(herd_.processes.size(), 2U);
}

// What it accepted in the meantime it has to ask somebody about.
TEST_F(Lingering, WhoWasNewInAReloadThatFailsIsAskedByThoseWhoWereNewWithIt) {
  herd_.start({.generation = 1,
               .pools = {pool_spec("web", 1), pool_spec("api", 1), pool_spec("other", 1)}});
  herd_.all_ready();
  reload({front(), asked(), pool_spec("other", 1)});
  api_ = herd_.incoming(0, "api");
  herd_.on(WorkerReady{api_});
  web_ = herd_.incoming(0);
  herd_.on(WorkerReady{web_});
  herd_.exit(herd_.incoming(0, "other"));
  ASSERT_TRUE(is_told_to_go(web_));
  EXPECT_TRUE(is_asked(api_));
  herd_.exit(web_);
  EXPECT_FALSE(is_asked(api_));
  herd_.settle();
  EXPECT_EQ(herd_.processes.size(), 3U);
}

// Its slot is wanted no more, and whoever stays accepts: that is somebody to steer to, and nobody
// to ask.
TEST_F(Lingering, WhoIsAskedInASlotThatNobodyWantsIsAskedUntilThoseWhoAskHaveEnded) {
  serve(asked(2));
  const WorkerId second = herd_.current(1, "api");
  change_the_handover();
  herd_.exit(api_);
  EXPECT_TRUE(is_asked(second)) << "there is nobody else";
  herd_.quiet_all();
  EXPECT_FALSE(is_told_to_go(second));
  herd_.exit(web_);
  EXPECT_FALSE(is_asked(second));
  herd_.on(WorkerQuiet{second});
  EXPECT_TRUE(is_told_to_go(second));
}

// Who accepts and who is asked do not stand in for each other.
TEST_F(Lingering, OneInDoubtIsAskedWhereTheOthersAccept) {
  serve();
  change_the_handover();
  herd_.on(WorkerStalls{api_});
  EXPECT_TRUE(is_asked(api_)) << "there is nobody else to ask";
}
TEST_F(Lingering, OneInDoubtAcceptsWhereTheOthersAreAsked) {
  serve();
  change_the_handover();
  herd_.on(WorkerStalls{herd_.current(0, "api")});
  EXPECT_THAT(herd_.steered.at("api"),
              ElementsAre(Served{0, herd_.current(0, "api")}, Served{0, api_}));
}

// A listener without anybody keeps its queues, whoever is asked.
TEST_F(Lingering, TheSteeringStaysWhenNobodyAccepts) {
  serve();
  change_the_handover();
  herd_.crash(0, "api");
  for (int i = 0; i < 3; ++i) {
    herd_.live_through(seconds(1));
    herd_.crash(0, "api");
  }
  EXPECT_EQ(herd_.current(0, "api"), 0U);
  herd_.quiet_all();
  const Actions actions = herd_.on(WorkerExited{web_});
  const auto serve = std::find_if(actions.begin(), actions.end(),
                                  [](const Action& a) { return std::holds_alternative<Serve>(a); });
  ASSERT_NE(serve, actions.end());
  EXPECT_TRUE(std::get<Serve>(*serve).keeps_steering);
  EXPECT_THAT(std::get<Serve>(*serve).slots, IsEmpty());
}

TEST_F(Lingering, AStopWaitsForThoseWhoAsk) {
  serve();
  change_the_handover();
  herd_.on(Stop{});
  EXPECT_TRUE(is_asked(api_));
  herd_.quiet_all();
  herd_.exit(web_);
  EXPECT_FALSE(is_asked(api_));
  herd_.settle();
  EXPECT_EQ(herd_.finished, 1);
}

TEST_F(Lingering, ASuccessorKnowsWhoIsAskedOn) {
  serve();
  change_the_handover();
  herd_.succeed({.generation = 3, .pools = {pool_spec("api", 1)}});
  EXPECT_TRUE(is_asked(api_));
  EXPECT_TRUE(is_asked(herd_.current(0, "api")));
  herd_.quiet_all();
  EXPECT_TRUE(is_asked(api_));
  herd_.exit(web_);
  EXPECT_FALSE(is_asked(api_));
  herd_.settle();
  EXPECT_EQ(herd_.processes.size(), 1U);
}

// --- taking back

// It is the only one that is asked, and its configuration is the one in force.
TEST_F(Lingering, WhoIsTakenBackFromASlotWithoutAnotherKeepsIt) {
  PoolSpec api = asked();
  api.ready_for = seconds(5);
  serve(api);
  herd_.succeed({.generation = 2, .pools = {front(), api}}, true);
  const WorkerId fresh = herd_.incoming(0, "api");
  herd_.on(WorkerReady{fresh});
  herd_.crash(0, "api");
  ASSERT_TRUE(is_asked(fresh));
  herd_.on(Scale{"web", 2});  // the upgrade gives way
  EXPECT_EQ(herd_.current(0, "api"), fresh);
  EXPECT_TRUE(is_asked(fresh));
}

// Of a configuration that is not in force: until there is another one.
TEST_F(Lingering, WhoIsTakenBackFromASlotWithoutAnotherIsAskedUntilThereIsOne) {
  PoolSpec api = asked();
  api.ready_for = seconds(5);
  serve(api);
  reload({front(), api, pool_spec("other", 1)});
  const WorkerId fresh = herd_.incoming(0, "api");
  herd_.on(WorkerReady{fresh});
  herd_.crash(0, "api");
  herd_.exit(herd_.incoming(0, "other"));
  EXPECT_TRUE(is_asked(fresh));
  herd_.on(WorkerReady{herd_.current(0, "api")});
  EXPECT_FALSE(is_asked(fresh));
  EXPECT_TRUE(is_asked(herd_.current(0, "api")));
}

}  // namespace
}  // namespace sockherd::fleet
