#include "daemon/rooms/shared_bus.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/daemon/io/engines.h"

namespace sockherd::rooms {
namespace {

using contract::BusFile;
using stats::Count;
using websocket::Kind;

constexpr uint32_t kSeats = 8;
constexpr BusFile::Instance kInstance = {17, 4};
using Texts = std::vector<std::string>;

// What a supervisor makes for a pool.
struct PoolBus {
  PoolBus()
      : file(sys::create_memory_file("bus", BusFile::file_bytes(kSeats)).value()),
        head(sys::Mapping::create(file.get(), BusFile::head_bytes(kSeats), sys::Access::ReadWrite)
                 .value()),
        bell(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    BusFile::format(head.bytes(), kSeats, kInstance);
  }
  SharedBus::Setup setup(uint32_t seat, uint64_t ring_bytes = 1 << 16) const {
    return {UniqueFd(::dup(file.get())), UniqueFd(::dup(bell.get())), seat, ring_bytes};
  }
  size_t memory() const {
    struct stat found {};
    EXPECT_EQ(::fstat(file.get(), &found), 0);
    return static_cast<size_t>(found.st_blocks) * 512;
  }

  UniqueFd file;
  sys::Mapping head;
  UniqueFd bell;
};

struct Ear final : Member {
  explicit Ear(Hub& in) : hub(in) {}
  ~Ear() override { hub.leave_all(*this); }
  void deliver(const std::shared_ptr<const Message>& message) override {
    heard.emplace_back(message->payload());
  }
  Hub& hub;
  Texts heard;
};

// What a thread of a worker has of it.
struct Lane {
  Lane(const PoolBus& pool, uint32_t seat, std::unique_ptr<io::Loop> on,
       uint64_t ring_bytes = 1 << 16)
      : loop(std::move(on)) {
    auto made = SharedBus::create(pool.setup(seat, ring_bytes), *loop, hub, page->counters);
    EXPECT_TRUE(made.ok()) << made.error().what;
    bus = made.value().get();
    hub.add(std::move(made).value());
  }
  void run() {
    hub.end_turn();
    for (int i = 0; i < 5; ++i) loop->turn(loop->now());
    hub.end_turn();
  }
  uint64_t count(Count what) const { return page->counters.get(what); }

  std::unique_ptr<stats::Page> page = std::make_unique<stats::Page>();
  std::unique_ptr<io::Loop> loop;
  Hub hub{page->counters};
  SharedBus* bus;
  Ear ear{hub};
};

struct SharedBuses : testing::TestWithParam<io::LoopKind> {
  std::unique_ptr<Lane> lane(uint32_t seat, uint64_t ring_bytes = 1 << 16) {
    return std::make_unique<Lane>(pool, seat, std::move(GetParam().create()).value(), ring_bytes);
  }
  PoolBus pool;
};

TEST_P(SharedBuses, CarryWhatIsSaidToAllOtherLanes) {
  const auto a = lane(0);
  const auto b = lane(1);
  const auto c = lane(7);
  for (Lane* each : {a.get(), b.get(), c.get()}) {
    each->hub.join(each->ear, "lobby");
    each->run();
  }
  for (int round = 0; round < 3; ++round) {
    a->hub.publish("lobby", Kind::Text, "from a");
    a->run();
    b->run();
    c->run();
    c->hub.publish("lobby", Kind::Text, "from c");
    c->run();
    a->run();
    b->run();
  }
  const Texts all = {"from a", "from c", "from a", "from c", "from a", "from c"};
  EXPECT_EQ(a->ear.heard, all);
  EXPECT_EQ(b->ear.heard, all);
  EXPECT_EQ(c->ear.heard, all);
  EXPECT_EQ(a->bus->instance(), kInstance);
}

// The bell is rung once a turn and each of its edges is seen, though nobody ever reads it.
TEST_P(SharedBuses, WakeALaneThatSleeps) {
  const auto a = lane(0);
  const auto b = lane(1);
  b->hub.join(b->ear, "lobby");
  b->run();
  for (size_t round = 1; round <= 50; ++round) {
    a->hub.publish("lobby", Kind::Text, "x");
    a->hub.publish("lobby", Kind::Text, "y");
    EXPECT_EQ(b->ear.heard.size(), 2 * (round - 1)) << "not before the end of the turn";
    a->hub.end_turn();
    while (b->ear.heard.size() < 2 * round) {
      const Instant before = b->loop->read_clock();
      b->loop->turn(before + std::chrono::seconds(20));
      ASSERT_LT(b->loop->now() - before, std::chrono::seconds(20)) << "nobody woke it";
    }
    a->hub.end_turn();  // nothing has been said: no bell
    eventfd_t rung = 0;
    if (round == 50) {
      ASSERT_EQ(::eventfd_read(pool.bell.get(), &rung), 0);
      EXPECT_EQ(rung, 50U);
    }
  }
}

TEST_P(SharedBuses, KeepTheOrderOfEachSenderInAFloodAndCountEverything) {
  const auto a = lane(0, 4096);
  const auto b = lane(1, 4096);
  const auto slow = lane(2);
  b->hub.join(b->ear, "lobby");
  slow->hub.join(slow->ear, "lobby");
  constexpr int kMessages = 5000;
  for (int i = 0; i < kMessages; ++i) {
    a->hub.publish("lobby", Kind::Text, std::to_string(i));
    if (i % 20 == 0) a->run();
    if (i % 20 == 0) b->run();
  }
  a->run();
  for (int i = 0; i < 100; ++i) b->run();
  for (int i = 0; i < 100; ++i) slow->run();
  Texts expected;
  for (int i = 0; i < kMessages; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(b->ear.heard, expected);
  EXPECT_EQ(b->count(Count::BusMissed), 0U);

  const Texts& heard = slow->ear.heard;
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard, Texts(expected.end() - static_cast<ptrdiff_t>(heard.size()), expected.end()));
  EXPECT_EQ(heard.size() + slow->count(Count::BusMissed), size_t{kMessages});
  EXPECT_GT(slow->count(Count::BusMissed), 0U);
}

TEST_P(SharedBuses, AFloodDoesNotKeepTheLoopFromItsTurn) {
  const auto a = lane(0, 1 << 20);
  const auto b = lane(1);
  b->hub.join(b->ear, "lobby");
  b->run();
  for (int i = 0; i < 10'000; ++i) a->hub.publish("lobby", Kind::Text, "x");
  a->hub.end_turn();
  b->loop->turn(b->loop->now());
  const size_t first = b->ear.heard.size();
  EXPECT_GT(first, 0U);
  EXPECT_LT(first, 5000U);
  for (int i = 0; i < 20; ++i) b->loop->turn(b->loop->now());
  EXPECT_EQ(b->ear.heard.size() + b->count(Count::BusMissed), 10'000U);
}

// Each turn is a write to every member.
TEST_P(SharedBuses, ALargeRoomHearsInOneTurnWhatWasSaidTogether) {
  const auto a = lane(0);
  const auto b = lane(1);
  std::vector<std::unique_ptr<Ear>> ears;
  for (int i = 0; i < 5000; ++i) {
    ears.push_back(std::make_unique<Ear>(b->hub));
    b->hub.join(*ears.back(), "lobby");
  }
  b->run();
  constexpr size_t kMessages = 20;
  for (size_t i = 0; i < kMessages; ++i) a->hub.publish("lobby", Kind::Text, "x");
  a->hub.publish("elsewhere", Kind::Text, "y");
  for (size_t i = 0; i < 5 * kMessages; ++i) a->hub.publish("lobby", Kind::Text, "z");
  a->hub.end_turn();
  b->loop->turn(b->loop->now());
  EXPECT_EQ(ears.front()->heard.size(), kMessages);
  EXPECT_EQ(ears.back()->heard.size(), kMessages);
  b->loop->turn(b->loop->now());
  EXPECT_GT(ears.back()->heard.size(), kMessages);
  EXPECT_LT(ears.back()->heard.size(), 5 * kMessages) << "but not all there is";
  for (int i = 0; i < 20; ++i) b->loop->turn(b->loop->now());
  EXPECT_EQ(ears.back()->heard.size(), 6 * kMessages);
}

TEST_P(SharedBuses, OneThatFloodsDoesNotKeepOthersFromBeingHeard) {
  const auto a = lane(0, 1 << 20);
  const auto quiet = lane(1);
  const auto b = lane(2);
  b->hub.join(b->ear, "lobby");
  b->run();
  for (int i = 0; i < 10'000; ++i) a->hub.publish("lobby", Kind::Text, "x");
  quiet->hub.publish("lobby", Kind::Text, "important");
  a->hub.end_turn();
  quiet->hub.end_turn();
  b->loop->turn(b->loop->now());
  b->loop->turn(b->loop->now());
  const auto at = std::find(b->ear.heard.begin(), b->ear.heard.end(), "important");
  ASSERT_NE(at, b->ear.heard.end());
  EXPECT_LT(at - b->ear.heard.begin(), 100);
}

TEST_P(SharedBuses, RefuseWhatIsTooLargeAndDeliverItHereAllTheSame) {
  const auto a = lane(0, 4096);
  const auto b = lane(1);
  a->hub.join(a->ear, "lobby");
  b->hub.join(b->ear, "lobby");
  a->hub.publish("lobby", Kind::Text, std::string(2000, 'x'));
  a->hub.publish("lobby", Kind::Text, "small");
  a->run();
  b->run();
  EXPECT_EQ(a->ear.heard.size(), 2U);
  EXPECT_EQ(b->ear.heard, Texts{"small"});
  EXPECT_EQ(a->count(Count::BusRefused), 1U);
}

TEST_P(SharedBuses, WriteNothingWhereNobodyElseIs) {
  const auto a = lane(3);
  const size_t before = pool.memory();
  a->hub.publish("lobby", Kind::Text, "x");
  a->run();
  EXPECT_EQ(pool.memory(), before);
  eventfd_t rung = 0;
  EXPECT_NE(::eventfd_read(pool.bell.get(), &rung), 0) << "nobody is woken";
  const auto b = lane(4);
  b->hub.join(b->ear, "lobby");
  a->hub.publish("lobby", Kind::Text, "y");
  a->run();
  b->run();
  EXPECT_EQ(b->ear.heard, Texts{"y"});
  EXPECT_LE(pool.memory(), before + 3 * 4096) << "a control and the begin of one ring";
}

TEST_P(SharedBuses, ANewOwnerOfTheSeatIsHeardByWhoHeardTheOneBefore) {
  const auto b = lane(1);
  b->hub.join(b->ear, "lobby");
  for (const uint64_t ring : {4096U, 4096U, 65536U}) {
    const auto a = lane(0, ring);
    a->hub.publish("lobby", Kind::Text, std::to_string(ring));
    a->run();
    b->run();
  }
  EXPECT_EQ(b->ear.heard, (Texts{"4096", "4096", "65536"}));
  EXPECT_EQ(b->count(Count::BusMissed), 0U);
}

TEST_P(SharedBuses, RefuseWhatIsNoBus) {
  const auto loop = std::move(GetParam().create()).value();
  stats::Counters counters;
  Hub hub(counters);
  EXPECT_FALSE(SharedBus::create(pool.setup(kSeats), *loop, hub, counters).ok());
  SharedBus::Setup other = pool.setup(0);
  other.file = sys::create_memory_file("other", 8192).value();
  EXPECT_FALSE(SharedBus::create(std::move(other), *loop, hub, counters).ok());
}

// Each thread says so many things and has heard all when it has heard the others.
TEST_P(SharedBuses, CarryBetweenThreads) {
  constexpr uint32_t kThreads = 3;
  constexpr size_t kMessages = 300;
  std::atomic<uint32_t> present = 0;
  std::atomic<uint32_t> done = 0;
  std::vector<Texts> heard(kThreads);
  const auto serve = [&](uint32_t seat) {
    const auto mine = lane(seat);
    mine->hub.join(mine->ear, "lobby");
    ++present;
    while (present.load() < kThreads) std::this_thread::yield();
    const std::string name(1, static_cast<char>('a' + seat));
    const Instant give_up = mine->loop->read_clock() + std::chrono::seconds(60);
    bool is_done = false;
    for (size_t i = 0; done.load() < kThreads && mine->loop->now() < give_up;) {
      if (i < kMessages) mine->hub.publish("lobby", Kind::Text, name + std::to_string(i++));
      mine->hub.end_turn();
      mine->loop->turn(i < kMessages ? mine->loop->now()
                                     : mine->loop->now() + std::chrono::milliseconds(5));
      if (!is_done && mine->ear.heard.size() == kThreads * kMessages) {
        is_done = true;
        ++done;
      }
    }
    EXPECT_EQ(mine->count(Count::BusMissed), 0U);
    heard[seat] = mine->ear.heard;
  };
  {
    std::vector<std::jthread> threads;
    for (uint32_t seat = 0; seat < kThreads; ++seat) threads.emplace_back(serve, seat);
  }
  for (const Texts& one : heard) {
    EXPECT_EQ(one.size(), kThreads * kMessages);
    for (const char name : {'a', 'b', 'c'}) {
      size_t next = 0;
      for (const std::string& text : one) {
        if (text[0] != name) continue;
        EXPECT_EQ(text, name + std::to_string(next++));
      }
      EXPECT_EQ(next, kMessages);
    }
  }
}

TEST_P(SharedBuses, CarryBetweenProcesses) {
  const auto b = lane(1);
  b->hub.join(b->ear, "lobby");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto a = lane(0);
    for (int i = 0; i < 3; ++i) a->hub.publish("lobby", Kind::Text, std::to_string(i));
    a->hub.end_turn();
    ::_exit(0);
  }
  while (b->ear.heard.size() < 3) {
    const Instant before = b->loop->read_clock();
    b->loop->turn(before + std::chrono::seconds(20));
    ASSERT_LT(b->loop->now() - before, std::chrono::seconds(20)) << "nobody woke it";
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(b->ear.heard, (Texts{"0", "1", "2"}));
}

INSTANTIATE_TEST_SUITE_P(On, SharedBuses, testing::ValuesIn(io::every_loop()), io::name_of_loop);

}  // namespace
}  // namespace sockherd::rooms
