#include "daemon/rooms/redis_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/daemon/io/engines.h"
#include "tests/unit/daemon/rooms/fake_redis.h"

namespace sockherd::rooms {
namespace {

using stats::Count;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using websocket::Kind;
using Texts = std::vector<std::string>;

struct Ear final : Member {
  explicit Ear(Hub& in) : hub(in) {}
  ~Ear() override { hub.leave_all(*this); }
  void deliver(const std::shared_ptr<const Message>& message) override {
    heard.emplace_back(message->payload());
  }
  Hub& hub;
  Texts heard;
};

// A lane of a machine.
struct Lane {
  Lane(std::unique_ptr<io::Loop> on, RedisBus::Setup setup) : loop(std::move(on)) {
    setup.on_event = [this](RedisBus::Event event, const std::string& why) {
      log.push_back(event == RedisBus::Event::Up     ? "up"
                    : event == RedisBus::Event::Down ? "down: " + why
                                                     : "full");
    };
    hub.add(std::make_unique<RedisBus>(std::move(setup), *loop, hub, page->counters));
  }
  void turn() {
    hub.end_turn();
    loop->turn(loop->now());
    hub.end_turn();
  }
  uint64_t count(Count what) const { return page->counters.get(what); }
  bool is_connected() const {
    return count(Count::RemoteConnects) > count(Count::RemoteDisconnects);
  }

  std::shared_ptr<stats::Page> page = std::make_shared<stats::Page>();  // some look at it later
  Texts log;
  std::unique_ptr<io::Loop> loop;
  Hub hub{page->counters};
  Ear ear{hub};
};

struct RedisBuses : testing::TestWithParam<io::LoopKind> {
  std::unique_ptr<Lane> lane(uint64_t machine, size_t queue = 1000, const char* password = "") {
    return std::make_unique<Lane>(
        std::move(GetParam().create()).value(),
        RedisBus::Setup{.server = {.address = redis.address(), .user = "", .password = password},
                        .pool = "web",
                        .queue = queue,
                        .instance = {machine, 0}});
  }
  void run(std::initializer_list<Lane*> lanes, int turns = 12) {
    for (int i = 0; i < turns; ++i) {
      for (Lane* lane : lanes) lane->turn();
      redis.serve();
    }
  }
  // Lets deadlines pass; what comes of it takes place.
  void pass(std::initializer_list<Lane*> lanes, Duration time) {
    run(lanes);
    passed_ += time;
    for (Lane* lane : lanes) lane->loop->timers().advance(start_ + passed_);
    run(lanes);
  }
  // So little at a time that what begins now does not find its deadline over.
  void retry(std::initializer_list<Lane*> lanes, int times = 1) {
    for (int i = 0; i < times; ++i) pass(lanes, std::chrono::milliseconds(20));
  }
  void run_until_connected(std::initializer_list<Lane*> lanes) {
    const auto is_connected = [](const Lane* lane) { return lane->is_connected(); };
    for (int i = 0; !std::all_of(lanes.begin(), lanes.end(), is_connected); ++i) {
      ASSERT_LT(i, 200);
      retry(lanes);
    }
  }

  FakeRedis redis;

 private:
  Instant start_ = monotonic_now();
  Duration passed_{0};
};

TEST_P(RedisBuses, CarryRoomsToOtherMachinesAndOnlyThose) {
  const auto a = lane(1);
  const auto same = lane(1);
  const auto b = lane(2);
  for (Lane* each : {a.get(), same.get(), b.get()}) each->hub.join(each->ear, "lobby");
  run({a.get(), same.get(), b.get()});
  a->hub.publish("lobby", Kind::Text, "from a");
  a->hub.publish("attic", Kind::Text, "elsewhere");
  b->hub.publish("lobby", Kind::Binary, std::string("\0\r\n", 3));
  run({a.get(), same.get(), b.get()});
  EXPECT_THAT(a->ear.heard, ElementsAre("from a", std::string("\0\r\n", 3)));
  EXPECT_THAT(same->ear.heard, ElementsAre(std::string("\0\r\n", 3)))
      << "what is said on its machine comes by the other bus";
  EXPECT_THAT(b->ear.heard, ElementsAre(std::string("\0\r\n", 3), "from a"));
  EXPECT_EQ(a->count(Count::RemotePublished), 2U);
  EXPECT_EQ(b->count(Count::RemoteReceived), 1U);
  EXPECT_THAT(a->log, ElementsAre("up"));
}

TEST_P(RedisBuses, SubscribeToWhatSomebodyHears) {
  const auto a = lane(1);
  run({a.get()});
  const size_t always = redis.subscriptions();
  a->hub.join(a->ear, "lobby");
  a->hub.join(a->ear, "attic");
  run({a.get()});
  EXPECT_EQ(redis.subscriptions(), always + 2);
  EXPECT_THAT(redis.seen, testing::Contains(ElementsAre("SUBSCRIBE", "sockherd:web:lobby")));
  a->hub.leave(a->ear, "lobby");
  run({a.get()});
  EXPECT_EQ(redis.subscriptions(), always + 1);
  auto listening = a->hub.listen("cellar", [](const auto&) {});
  run({a.get()});
  EXPECT_EQ(redis.subscriptions(), always + 2);
}

TEST_P(RedisBuses, LogInAndNeverSayThePassword) {
  redis.password = "hunter2";
  const auto good = lane(1, 10, "hunter2");
  const auto bad = lane(2, 10, "hunter3");
  const auto none = lane(3, 10);
  retry({good.get(), bad.get(), none.get()}, 60);
  EXPECT_TRUE(good->is_connected());
  EXPECT_FALSE(bad->is_connected());
  EXPECT_THAT(good->log, ElementsAre("up"));
  EXPECT_THAT(bad->log, ElementsAre(HasSubstr("down: WRONGPASS"))) << "once";
  EXPECT_THAT(none->log, ElementsAre(HasSubstr("down: NOAUTH")));
  for (const Lane* each : {bad.get(), none.get()}) {
    EXPECT_THAT(each->log, Each(Not(HasSubstr("hunter"))));
  }
  redis.password = "hunter3";
  run_until_connected({bad.get()});
  EXPECT_THAT(bad->log, ElementsAre(HasSubstr("down:"), "up"));
}

TEST_P(RedisBuses, GoOnWithinTheLaneAndCatchUpWhenRedisComesBack) {
  const auto a = lane(1, 5);
  const auto b = lane(2);
  a->hub.join(a->ear, "lobby");
  b->hub.join(b->ear, "lobby");
  run({a.get(), b.get()});
  a->hub.publish("lobby", Kind::Text, "before");
  run({a.get(), b.get()});
  redis.kill();
  run({a.get(), b.get()});
  EXPECT_FALSE(a->is_connected());
  for (int i = 0; i < 9; ++i) a->hub.publish("lobby", Kind::Text, std::to_string(i));
  EXPECT_EQ(a->ear.heard.size(), 10U) << "at once";
  EXPECT_EQ(a->count(Count::RemoteDropped), 4U);
  redis.restart();
  run_until_connected({b.get()});
  run_until_connected({a.get()});
  run({a.get(), b.get()});
  EXPECT_THAT(b->ear.heard, ElementsAre("before", "0", "1", "2", "3", "4"));
  EXPECT_EQ(b->count(Count::RemoteMissed), 0U);
  EXPECT_EQ(a->count(Count::RemoteQueued), a->count(Count::RemotePublished));
  EXPECT_THAT(a->log, ElementsAre("up", HasSubstr("down:"), "full", "up"));
}

// What a receiver has not got is what its sender has dropped and what it has missed, exactly; also
// where nothing is said after it.
TEST_P(RedisBuses, CountWhatIsLostOnTheWay) {
  const auto a = lane(1);
  const auto b = lane(2);
  b->hub.join(b->ear, "lobby");
  run({a.get(), b.get()});
  uint64_t said = 0;
  const auto say = [&](int count) {
    for (int i = 0; i < count; ++i, ++said) a->hub.publish("lobby", Kind::Text, "x");
    run({a.get(), b.get()});
  };
  say(3);
  redis.loses = true;
  say(5);
  redis.loses = false;
  EXPECT_EQ(b->count(Count::RemoteMissed), 0U) << "it cannot know yet";
  say(1);
  EXPECT_EQ(b->count(Count::RemoteMissed), 5U);
  redis.loses = true;
  say(7);
  redis.loses = false;
  redis.hang_up();
  run({a.get(), b.get()});
  run_until_connected({a.get(), b.get()});
  run({a.get(), b.get()});
  EXPECT_EQ(b->count(Count::RemoteMissed), 12U) << "it has asked";
  EXPECT_EQ(b->ear.heard.size() + b->count(Count::RemoteMissed), said);
  say(1);
  EXPECT_EQ(b->ear.heard.size() + b->count(Count::RemoteMissed), said);
}

TEST_P(RedisBuses, HearOnceWhatIsSentTwice) {
  const auto a = lane(1);
  const auto b = lane(2);
  b->hub.join(b->ear, "lobby");
  run({a.get(), b.get()});
  redis.confirms = false;
  a->hub.publish("lobby", Kind::Text, "1");
  a->hub.publish("lobby", Kind::Text, "2");
  run({a.get(), b.get()});
  EXPECT_THAT(b->ear.heard, ElementsAre("1", "2"));
  EXPECT_EQ(a->count(Count::RemotePublished), 0U);
  redis.confirms = true;
  redis.hang_up();
  run({a.get(), b.get()});
  run_until_connected({b.get()});
  run_until_connected({a.get()});
  a->hub.publish("lobby", Kind::Text, "3");
  run({a.get(), b.get()});
  EXPECT_THAT(b->ear.heard, ElementsAre("1", "2", "3"));
  EXPECT_EQ(b->count(Count::RemoteDuplicates), 2U);
  EXPECT_EQ(b->count(Count::RemoteMissed), 0U);
  EXPECT_EQ(a->count(Count::RemotePublished), 3U);
}

TEST_P(RedisBuses, GiveUpAServerThatSaysNothing) {
  const auto a = lane(1);
  run({a.get()});
  for (int i = 0; i < 10; ++i) pass({a.get()}, std::chrono::seconds(6));
  EXPECT_TRUE(a->is_connected()) << "it answers pings";
  redis.is_silent = true;
  for (int i = 0; i < 2; ++i) pass({a.get()}, std::chrono::seconds(6));
  EXPECT_TRUE(a->is_connected());
  for (int i = 0; i < 3 && a->is_connected(); ++i) pass({a.get()}, std::chrono::seconds(6));
  EXPECT_FALSE(a->is_connected());
  EXPECT_THAT(a->log, testing::Contains("down: no answer for 15s"));
}

// Found in review: what is published was bounded, and what clients join and leave was not.
TEST_P(RedisBuses, GiveUpAServerThatReadsNothingWhileRoomsComeAndGo) {
  const auto a = lane(1);
  run_until_connected({a.get()});
  const std::string name(100, 'r');
  size_t asked = 0;
  while (a->is_connected() && asked < 3 * RedisBus::kMostUnsentAsks) {
    for (int i = 0; i < 4000; ++i) {
      const std::string room = name + std::to_string(i);
      ASSERT_TRUE(a->hub.join(a->ear, room));
      a->hub.leave(a->ear, room);
      asked += 2 * room.size();
    }
    a->turn();
  }
  EXPECT_FALSE(a->is_connected());
  EXPECT_EQ(a->count(Count::RemoteDisconnects), 1U);
  EXPECT_THAT(a->log, testing::Contains("down: it does not read what it is asked"));
  a->hub.join(a->ear, "lobby");
  run_until_connected({a.get()});
  retry({a.get()}, 3);
  EXPECT_EQ(redis.subscriptions(), 2U) << "the lobby, and the channel of asks";
}

TEST_P(RedisBuses, CountWhatIsLeftAtTheEnd) {
  redis.kill();
  auto a = lane(1);
  const std::shared_ptr<stats::Page> page = a->page;
  a->hub.publish("lobby", Kind::Text, "x");
  a->hub.publish("lobby", Kind::Text, "y");
  EXPECT_FALSE(a->hub.is_under_way()) << "nothing to wait for";
  a.reset();
  EXPECT_EQ(page->counters.get(Count::RemoteUnconfirmed), 2U);
}

TEST_P(RedisBuses, CarryMuchMoreThanTheKernelTakesAtOnce) {
  const auto a = lane(1);
  const auto b = lane(2);
  b->hub.join(b->ear, "lobby");
  run({a.get(), b.get()});
  Texts expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(std::string(20'000, static_cast<char>('a' + i % 26)));
    a->hub.publish("lobby", Kind::Text, expected.back());
  }
  EXPECT_TRUE(a->hub.is_under_way());
  // The kernel has timers of its own for those that fill each other's windows.
  const Instant give_up = monotonic_now() + std::chrono::seconds(60);
  while (b->ear.heard.size() < 200 && monotonic_now() < give_up) run({a.get(), b.get()});
  ASSERT_EQ(b->ear.heard.size(), expected.size());
  EXPECT_TRUE(b->ear.heard == expected);  // not shown: it is long
  EXPECT_FALSE(a->hub.is_under_way());
}

TEST_P(RedisBuses, PassOverWhatIsNotOurs) {
  const auto b = lane(2);
  b->hub.join(b->ear, "lobby");
  run({b.get()});
  FakeRedis::Words words = {"PUBLISH", "sockherd:web:lobby", "hello from redis-cli"};
  const UniqueFd stranger(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(stranger.get(), redis.address().get(), redis.address().size()), 0);
  const std::string command = redis_command({words[0], words[1], words[2]});
  ASSERT_EQ(::send(stranger.get(), command.data(), command.size(), 0),
            static_cast<ssize_t>(command.size()));
  run({b.get()});
  EXPECT_THAT(b->ear.heard, IsEmpty());
  EXPECT_TRUE(b->is_connected());
}

INSTANTIATE_TEST_SUITE_P(On, RedisBuses, testing::ValuesIn(io::every_loop()), io::name_of_loop);

}  // namespace
}  // namespace sockherd::rooms
