#include "daemon/rooms/hub.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sockherd::rooms {
namespace {

using websocket::Kind;

struct Ear final : Member {
  explicit Ear(Hub& in) : hub(in) {}
  ~Ear() override { hub.leave_all(*this); }
  void deliver(const std::shared_ptr<const Message>& message) override {
    heard.emplace_back(message->payload());
    frame = message->frame().data();
    if (then) then(message);
  }

  Hub& hub;
  std::vector<std::string> heard;
  const void* frame = nullptr;
  std::function<void(const std::shared_ptr<const Message>&)> then;
};

struct Told {
  std::string what;
  std::string room;
  std::string payload;
  bool operator==(const Told&) const = default;
};

class FakeBus final : public Bus {
 public:
  explicit FakeBus(std::vector<Told>& told) : told_(told) {}
  void publish(std::string_view room, const Message& message) override {
    told_.push_back({"publish", std::string(room), std::string(message.payload())});
  }
  void begin(std::string_view room) override { told_.push_back({"begin", std::string(room), ""}); }
  void end(std::string_view room) override { told_.push_back({"end", std::string(room), ""}); }

 private:
  std::vector<Told>& told_;
};

struct Hubs : testing::Test {
  stats::Counters counters;
  Hub hub{counters};
};

using Texts = std::vector<std::string>;

TEST_F(Hubs, DeliversToEveryMemberButTheOneThatIsExcepted) {
  Ear a(hub);
  Ear b(hub);
  Ear elsewhere(hub);
  hub.join(a, "lobby");
  hub.join(b, "lobby");
  hub.join(elsewhere, "attic");
  EXPECT_TRUE(hub.publish("lobby", Kind::Text, "hello"));
  EXPECT_TRUE(hub.publish("lobby", Kind::Text, "again", &a));
  EXPECT_EQ(a.heard, Texts{"hello"});
  EXPECT_EQ(b.heard, (Texts{"hello", "again"}));
  EXPECT_TRUE(elsewhere.heard.empty());
  EXPECT_EQ(counters.get(stats::Count::RoomMessages), 2U);
  EXPECT_EQ(counters.get(stats::Count::RoomDeliveries), 3U);
}

TEST_F(Hubs, MakesOneFrameForAll) {
  Ear a(hub);
  Ear b(hub);
  hub.join(a, "lobby");
  hub.join(b, "lobby");
  hub.publish("lobby", Kind::Binary, "x");
  EXPECT_NE(a.frame, nullptr);
  EXPECT_EQ(a.frame, b.frame);
}

TEST_F(Hubs, JoiningTwiceIsJoiningOnce) {
  Ear a(hub);
  hub.join(a, "lobby");
  hub.join(a, "lobby");
  EXPECT_EQ(hub.size("lobby"), 1U);
  hub.publish("lobby", Kind::Text, "x");
  EXPECT_EQ(a.heard.size(), 1U);
  hub.leave(a, "lobby");
  EXPECT_EQ(hub.size("lobby"), 0U);
}

TEST_F(Hubs, KnowsWhatIsNoNameOfARoom) {
  Ear a(hub);
  EXPECT_FALSE(hub.join(a, ""));
  EXPECT_FALSE(hub.join(a, std::string(256, 'r')));
  EXPECT_TRUE(hub.join(a, std::string(255, 'r')));
  EXPECT_FALSE(hub.publish("", Kind::Text, "x"));
  EXPECT_FALSE(hub.publish(std::string(256, 'r'), Kind::Text, "x"));
  EXPECT_EQ(hub.listen("", [](const auto&) {}), nullptr);
}

TEST_F(Hubs, LeavesOneRoomOrAll) {
  Ear a(hub);
  Ear b(hub);
  for (const char* room : {"one", "two", "three"}) {
    hub.join(a, room);
    hub.join(b, room);
  }
  hub.leave(a, "two");
  hub.leave(a, "nowhere");
  for (const char* room : {"one", "two", "three"}) hub.publish(room, Kind::Text, room);
  EXPECT_EQ(a.heard, (Texts{"one", "three"}));
  EXPECT_EQ(b.heard, (Texts{"one", "two", "three"}));
  hub.leave_all(a);
  EXPECT_EQ(hub.size("one"), 1U);
  hub.leave_all(b);
  for (const char* room : {"one", "two", "three"}) EXPECT_FALSE(hub.has(room));
}

// Against a list of who should be there.
TEST_F(Hubs, KnowsWhoIsWhereAfterAnyNumberOfChanges) {
  std::vector<std::unique_ptr<Ear>> ears;
  for (int i = 0; i < 40; ++i) ears.push_back(std::make_unique<Ear>(hub));
  std::vector<std::vector<bool>> is_in(ears.size(), std::vector<bool>(5));
  uint32_t random = 1;
  for (int step = 0; step < 5000; ++step) {
    random = random * 1664525 + 1013904223;
    const size_t ear = (random >> 8) % ears.size();
    const size_t room = (random >> 16) % 5;
    const std::string name = std::to_string(room);
    if ((random >> 24) % 9 == 0) {
      hub.leave_all(*ears[ear]);
      is_in[ear].assign(5, false);
    } else if ((random >> 24) % 2 == 0) {
      hub.join(*ears[ear], name);
      is_in[ear][room] = true;
    } else {
      hub.leave(*ears[ear], name);
      is_in[ear][room] = false;
    }
    size_t members = 0;
    for (const auto& rooms : is_in) members += rooms[room] ? 1 : 0;
    ASSERT_EQ(hub.size(name), members);
    ASSERT_EQ(hub.has(name), members > 0);
  }
  for (size_t room = 0; room < 5; ++room) {
    hub.publish(std::to_string(room), Kind::Text, std::to_string(room));
  }
  for (size_t ear = 0; ear < ears.size(); ++ear) {
    Texts expected;
    for (size_t room = 0; room < 5; ++room) {
      if (is_in[ear][room]) expected.push_back(std::to_string(room));
    }
    EXPECT_EQ(ears[ear]->heard, expected);
  }
}

TEST_F(Hubs, SurvivesMembersThatLeaveDuringADelivery) {
  // Whoever hears it first takes one other with it, in every combination.
  for (size_t leaver = 0; leaver < 4; ++leaver) {
    for (size_t left = 0; left < 4; ++left) {
      std::vector<std::unique_ptr<Ear>> ears;
      std::vector<int> heard(4);
      for (size_t i = 0; i < 4; ++i) {
        ears.push_back(std::make_unique<Ear>(hub));
        hub.join(*ears.back(), "lobby");
        ears[i]->then = [&heard, i](const auto&) { ++heard[i]; };
      }
      ears[leaver]->then = [&, leaver, left](const auto&) {
        ++heard[leaver];
        hub.leave_all(*ears[left]);
        if (left != leaver) ears[left].reset();
      };
      hub.publish("lobby", Kind::Text, "x");
      for (size_t i = 0; i < 4; ++i) {
        const bool was_there = i != left || i <= leaver;
        EXPECT_EQ(heard[i], was_there ? 1 : 0) << leaver << left << i;
      }
      EXPECT_EQ(hub.size("lobby"), 3U);
    }
  }
}

TEST_F(Hubs, EndsTheRoomThatEmptiesDuringADelivery) {
  Ear a(hub);
  Ear b(hub);
  for (Ear* each : {&a, &b}) {
    hub.join(*each, "lobby");
    each->then = [this, each](const auto&) { hub.leave(*each, "lobby"); };
  }
  hub.publish("lobby", Kind::Text, "x");
  EXPECT_EQ(a.heard.size() + b.heard.size(), 2U);
  EXPECT_FALSE(hub.has("lobby"));
}

TEST_F(Hubs, WhoJoinsDuringADeliveryHearsTheNextOne) {
  Ear a(hub);
  Ear late(hub);
  hub.join(a, "lobby");
  a.then = [&](const auto&) {
    hub.join(late, "lobby");
    for (int i = 0; i < 100; ++i) hub.join(late, "room " + std::to_string(i));  // all moves
  };
  hub.publish("lobby", Kind::Text, "first");
  hub.publish("lobby", Kind::Text, "second");
  EXPECT_EQ(late.heard, Texts{"second"});
  EXPECT_EQ(a.heard, (Texts{"first", "second"}));
}

TEST_F(Hubs, AnAnswerIsHeardAfterWhatItAnswers) {
  Ear a(hub);
  Ear b(hub);
  hub.join(a, "lobby");
  hub.join(b, "lobby");
  a.then = [this](const auto& message) {
    if (message->payload() == "ping") hub.publish("lobby", Kind::Text, "pong");
  };
  hub.publish("lobby", Kind::Text, "ping");
  EXPECT_EQ(a.heard, (Texts{"ping", "pong"}));
  EXPECT_EQ(b.heard, (Texts{"ping", "pong"}));
}

TEST_F(Hubs, WhoIsExceptedAndEndsBeforeTheDeliveryExceptsNobodyElse) {
  Ear a(hub);
  hub.join(a, "lobby");
  alignas(Ear) std::array<std::byte, sizeof(Ear)> memory;
  Ear* excepted = new (memory.data()) Ear(hub);
  hub.join(*excepted, "lobby");
  bool is_first = true;
  a.then = [&](const auto&) {
    if (!std::exchange(is_first, false)) return;
    hub.publish("lobby", Kind::Text, "answer", excepted);
    excepted->~Ear();
    excepted = new (memory.data()) Ear(hub);
    hub.join(*excepted, "lobby");
  };
  hub.publish("lobby", Kind::Text, "question");
  EXPECT_EQ(excepted->heard, Texts{"answer"});
  excepted->~Ear();
}

TEST_F(Hubs, ListenersHearAndAreNotCounted) {
  Texts heard;
  auto listening =
      hub.listen("lobby", [&](const auto& message) { heard.emplace_back(message->payload()); });
  EXPECT_EQ(hub.size("lobby"), 0U);
  EXPECT_TRUE(hub.has("lobby"));
  hub.publish("lobby", Kind::Text, "x");
  hub.receive("lobby", Message::create(Kind::Text, "from elsewhere"));
  EXPECT_EQ(heard, (Texts{"x", "from elsewhere"}));
  EXPECT_EQ(counters.get(stats::Count::RoomDeliveries), 0U);
  listening.reset();
  EXPECT_FALSE(hub.has("lobby"));
}

TEST_F(Hubs, TellsTheBusWhatIsSaidHereAndWhichRoomsAreHeardHere) {
  std::vector<Told> told;
  hub.add(std::make_unique<FakeBus>(told));
  Ear a(hub);
  Ear b(hub);
  hub.publish("lobby", Kind::Text, "to nobody here");
  hub.join(a, "lobby");
  hub.join(b, "lobby");
  hub.publish("lobby", Kind::Text, "hello");
  hub.receive("lobby", Message::create(Kind::Text, "from elsewhere"));
  hub.leave(a, "lobby");
  hub.leave(b, "lobby");
  EXPECT_EQ(told, (std::vector<Told>{{"publish", "lobby", "to nobody here"},
                                     {"begin", "lobby", ""},
                                     {"publish", "lobby", "hello"},
                                     {"end", "lobby", ""}}));
  EXPECT_EQ(a.heard, (Texts{"hello", "from elsewhere"}));
}

TEST(Message, HasTheFrameOfItsLength) {
  const auto header = [](size_t size, Kind kind) {
    const auto message = Message::create(kind, std::string(size, 'x'));
    EXPECT_EQ(message->payload(), std::string(size, 'x'));
    return std::string(message->frame().substr(0, message->frame().size() - size));
  };
  using namespace std::string_literals;  // NOLINT(google-build-using-namespace): bytes with zeros
  EXPECT_EQ(header(0, Kind::Text), "\x81\x00"s);
  EXPECT_EQ(header(125, Kind::Binary), "\x82\x7d"s);
  EXPECT_EQ(header(126, Kind::Text), "\x81\x7e\x00\x7e"s);
  EXPECT_EQ(header(65535, Kind::Text), "\x81\x7e\xff\xff"s);
  EXPECT_EQ(header(65536, Kind::Text), "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

}  // namespace
}  // namespace sockherd::rooms
