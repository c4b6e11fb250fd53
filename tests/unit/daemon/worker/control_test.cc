#include "daemon/worker/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/daemon/io/loopback.h"
#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {
namespace {

using contract::Message;
using contract::Verb;

constexpr std::string_view kPlain = "GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n";

class ControlTest : public ::testing::Test {
 protected:
  explicit ControlTest(const Limits& limits = {})
      : harness_(limits), acceptors_(harness_.service()) {}

  void SetUp() override {
    auto pair = sys::create_packet_pair();
    ASSERT_TRUE(pair.ok());
    supervisor_ = std::move(pair->ours);
    auto created =
        Control::create(harness_.service(), acceptors_, std::move(pair->theirs),
                        {.on_drain = [this] { ++drains_; }, .on_hang_up = [this] { ++hang_ups_; }});
    ASSERT_TRUE(created.ok()) << created.error().what;
    control_ = std::move(created).value();
  }

  void order(Verb verb, const UniqueFd& passed, uint32_t slot = 5) {
    const Message message{.verb = verb, .listener = "web", .slot = slot};
    ASSERT_TRUE(sys::send_packet(supervisor_.get(), encode(message), passed.get()).ok());
  }
  // The next answer, or nothing.
  std::optional<Message> answer() {
    harness_.run();
    return contract::parse(sys::receive_packet(supervisor_.get()).bytes);
  }
  std::vector<Client> connect(size_t count, std::string_view request = kPlain) {
    std::vector<Client> clients;
    for (size_t i = 0; i < count; ++i) {
      clients.emplace_back(io::connect_to(listener_.get()));
      clients.back().send(request);
    }
    return clients;
  }
  size_t answered(std::vector<Client>& clients) {
    harness_.run();
    size_t count = 0;
    for (Client& client : clients) count += client.read().ends_with("Hello, World!") ? 1 : 0;
    return count;
  }

  const UniqueFd none_;
  Harness harness_;
  Acceptors acceptors_;
  UniqueFd supervisor_;
  UniqueFd listener_ = io::listen_on_loopback();  // the sibling's slot, held by the supervisor
  std::unique_ptr<Control> control_;
  int hang_ups_ = 0;
  int drains_ = 0;
};

Message said(Verb verb, uint32_t slot = 5) {
  return {.verb = verb, .listener = "web", .slot = slot};
}

TEST_F(ControlTest, ServesWhatWaitsAtASlotThatItTakes) {
  auto clients = connect(100);
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
  EXPECT_EQ(answered(clients), 100u);
  auto later = connect(3);
  EXPECT_EQ(answered(later), 3u);
}

TEST_F(ControlTest, LeavesTheQueueOfASlotThatItDrops) {
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
  auto clients = connect(1);
  EXPECT_EQ(answered(clients), 1u);
  order(Verb::Drop, none_);
  EXPECT_EQ(answer(), said(Verb::Dropped));
  auto waiting = connect(2);
  EXPECT_EQ(answered(waiting), 0u);
  EXPECT_TRUE(UniqueFd(::accept(listener_.get(), nullptr, nullptr)));
  EXPECT_EQ(answered(clients), 0u);  // not said twice, and not closed
  EXPECT_FALSE(clients[0].is_ended());
}

TEST_F(ControlTest, KeepsTheNewerSocketOfASlotThatItHasAlready) {
  const UniqueFd older = io::listen_on_loopback();
  order(Verb::Take, older);
  EXPECT_EQ(answer(), said(Verb::Taken));
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
  auto clients = connect(2);
  EXPECT_EQ(answered(clients), 2u);
  const UniqueFd stray = io::connect_to(older.get());
  harness_.run();
  EXPECT_TRUE(UniqueFd(::accept(older.get(), nullptr, nullptr)));
}

TEST_F(ControlTest, AnswersADropOfASlotThatItDoesNotHave) {
  order(Verb::Drop, none_, 77);
  EXPECT_EQ(answer(), said(Verb::Dropped, 77));
}

TEST_F(ControlTest, EmptiesAQueueAndLetsGoOfIt) {
  auto clients = connect(100);
  order(Verb::Empty, listener_);
  EXPECT_EQ(answered(clients), 100u);
  EXPECT_EQ(answer(), said(Verb::Emptied));
  auto late = connect(1);
  EXPECT_EQ(answered(late), 0u);
  EXPECT_TRUE(UniqueFd(::accept(listener_.get(), nullptr, nullptr)));
}

TEST_F(ControlTest, EmptiesAQueueInWhichNothingWaits) {
  order(Verb::Empty, listener_);
  EXPECT_EQ(answer(), said(Verb::Emptied));
  EXPECT_EQ(answer(), std::nullopt);
}

TEST_F(ControlTest, EmptiesWithoutGivingUpASlotThatItServes) {
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
  order(Verb::Empty, listener_);
  EXPECT_EQ(answer(), said(Verb::Emptied));
  auto clients = connect(1);
  EXPECT_EQ(answered(clients), 1u);
}

TEST_F(ControlTest, DrainAcceptsWhatWaitsAtATakenSlotToo) {
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
  auto clients = connect(5);
  harness_.service().phase = ServicePhase::Draining;
  acceptors_.finish();
  EXPECT_EQ(answered(clients), 5u);
  auto late = connect(1);
  EXPECT_EQ(answered(late), 0u);
  EXPECT_TRUE(UniqueFd(::accept(listener_.get(), nullptr, nullptr)));
}

TEST_F(ControlTest, DrainingTakesAndAnswersNothing) {
  harness_.drain();
  auto clients = connect(2);
  order(Verb::Take, listener_);
  order(Verb::Empty, listener_);
  order(Verb::Drop, none_);
  EXPECT_EQ(answer(), std::nullopt);
  EXPECT_EQ(answered(clients), 0u);
  EXPECT_TRUE(UniqueFd(::accept(listener_.get(), nullptr, nullptr)));
}

TEST_F(ControlTest, IgnoresWhatItDoesNotUnderstand) {
  const std::vector<std::string> packets = {"x", std::string(5000, 'A'), std::string(1, '\0'),
                                            "VERB=take\nLISTENER=web\nSLOT=5\nMORE=1\n"};
  for (const std::string& packet : packets)
    ASSERT_TRUE(sys::send_packet(supervisor_.get(), packet, listener_.get()).ok());
  ASSERT_EQ(::send(supervisor_.get(), "", 0, 0), 0);
  order(Verb::Take, none_);
  order(Verb::Empty, none_);
  order(Verb::Take, supervisor_);  // does not listen
  order(Verb::Taken, listener_);
  EXPECT_EQ(answer(), std::nullopt);
  EXPECT_EQ(hang_ups_, 0);
  auto clients = connect(1);
  EXPECT_EQ(answered(clients), 0u);
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
  EXPECT_EQ(answered(clients), 1u);
}

TEST_F(ControlTest, IsToldToDrainUnlessItDoes) {
  order(Verb::Drain, none_);
  harness_.run();
  EXPECT_EQ(drains_, 1);
  harness_.service().phase = ServicePhase::Draining;
  order(Verb::Drain, none_);
  harness_.run();
  EXPECT_EQ(drains_, 1);
  EXPECT_EQ(hang_ups_, 0);
}

TEST_F(ControlTest, TellsOfAHangUpOnce) {
  auto clients = connect(2);
  order(Verb::Take, listener_);
  supervisor_.reset();
  harness_.run();
  EXPECT_EQ(hang_ups_, 1);
  EXPECT_EQ(answered(clients), 2u);  // what was said before it counts
}

TEST_F(ControlTest, OutlivesASupervisorThatReadsNoAnswers) {
  for (int i = 0; i < 2000; ++i) {
    order(Verb::Drop, none_);
    if (i % 10 == 0) harness_.run();
  }
  harness_.run();
  EXPECT_EQ(hang_ups_, 0);
  while (sys::receive_packet(supervisor_.get()).state == sys::PacketState::Packet) continue;
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
}

class FullControlTest : public ControlTest {
 protected:
  FullControlTest() : ControlTest(Limits{.max_connections = 2}) {}
};

TEST_F(FullControlTest, EmptiesAQueueToItsEndWhenTheWorkerIsFull) {
  auto clients = connect(4, "");
  order(Verb::Empty, listener_);
  EXPECT_EQ(answer(), said(Verb::Emptied));
  EXPECT_EQ(harness_.count(stats::Count::ConnectionsRefused), 2u);
}

class MovingTest : public ControlTest {
 protected:
  static constexpr size_t kMany = 600;

  explicit MovingTest(const Limits& limits = {}) : ControlTest(limits) {}

  void SetUp() override {
    ControlTest::SetUp();
    order(Verb::Take, listener_);
    ASSERT_EQ(answer(), said(Verb::Taken));
  }
  // More than fit into a control socket at once.
  std::vector<Client> many() {
    std::vector<Client> clients;
    for (int i = 0; i < 6; ++i) {
      auto more = connect(kMany / 6);
      EXPECT_EQ(answered(more), more.size());
      std::move(more.begin(), more.end(), std::back_inserter(clients));
    }
    return clients;
  }
  // A client whose connection another worker has accepted, and the worker's end of it.
  std::pair<Client, UniqueFd> stranger() {
    Client client(io::connect_to(listener_elsewhere_.get()));
    return {std::move(client), UniqueFd(::accept4(listener_elsewhere_.get(), nullptr, nullptr,
                                                  SOCK_NONBLOCK | SOCK_CLOEXEC))};
  }
  // Connections that were given, in their order.
  std::vector<UniqueFd> given() {
    std::vector<UniqueFd> sockets;
    for (;;) {
      sys::Packet packet = sys::receive_packet(supervisor_.get());
      if (packet.state != sys::PacketState::Packet) return sockets;
      EXPECT_EQ(contract::parse(packet.bytes), said(Verb::Give));
      sockets.push_back(std::move(packet.fd));
    }
  }
  uint64_t count(stats::Count what) const { return harness_.count(what); }

  UniqueFd listener_elsewhere_ = io::listen_on_loopback();
};

TEST_F(MovingTest, GivesWhatIsIdleAndKeepsWhatIsNot) {
  auto idle = connect(3);
  auto silent = connect(1, "");
  auto half = connect(1, "GET /plaintext HTTP/1.1\r\nHo");
  EXPECT_EQ(answered(idle), 3u);
  order(Verb::Move, none_);
  harness_.run();
  EXPECT_EQ(given().size(), 0u) << "it serves";
  idle[0].send(kPlain);  // unread when the drain begins
  harness_.drain();
  if (harness_.loop().engine() == io::Engine::Epoll) {
    EXPECT_EQ(given().size(), 4u);
    EXPECT_EQ(idle[0].read(), "") << "for the next worker";
  } else {  // the kernel may have handed it to us already
    EXPECT_EQ(given().size(), 3u);
    EXPECT_THAT(idle[0].read(), ::testing::HasSubstr("\r\nConnection: close\r\n"));
    idle[0].close();
    harness_.run();
  }
  EXPECT_EQ(harness_.open_connections(), 1u);
  half[0].send("st: h\r\n\r\n");
  harness_.run();
  EXPECT_THAT(half[0].read(), ::testing::HasSubstr("\r\nConnection: close\r\n"));
}

TEST_F(MovingTest, GivesNothingWithoutBeingTold) {
  auto idle = connect(2);
  EXPECT_EQ(answered(idle), 2u);
  harness_.drain();
  EXPECT_EQ(given().size(), 0u);
  order(Verb::Move, none_);  // said late
  harness_.run();
  EXPECT_EQ(given().size(), 2u);
}

TEST_F(MovingTest, ServesOnUntilThereIsRoomOnTheWay) {
  auto clients = many();
  order(Verb::Move, none_);
  harness_.run();
  harness_.drain();
  EXPECT_GT(harness_.open_connections(), 100u);
  EXPECT_FALSE(clients.front().is_ended());
  std::vector<UniqueFd> sockets;
  for (int turn = 1; turn < 50 && sockets.size() < kMany; ++turn) {
    for (UniqueFd& socket : given()) sockets.push_back(std::move(socket));
    harness_.advance(std::chrono::milliseconds(10 * turn));
  }
  EXPECT_EQ(sockets.size(), kMany);
  EXPECT_EQ(harness_.open_connections(), 0u);
}

TEST_F(MovingTest, EndsThemItselfWhenNobodyTakesThem) {
  auto clients = many();
  order(Verb::Move, none_);
  harness_.run();
  harness_.drain();
  auto sockets = given();
  const size_t left = harness_.open_connections();
  order(Verb::Keep, none_);
  order(Verb::Adopt, sockets.front());
  harness_.run();
  EXPECT_EQ(harness_.open_connections(), left + 1);
  harness_.advance(std::chrono::milliseconds(900));
  size_t ended = 0;
  for (Client& client : clients) ended += client.is_ended() ? 1 : 0;
  EXPECT_EQ(ended, left + 1);
  EXPECT_EQ(given().size(), 0u);
}

TEST_F(MovingTest, GoesOnWithAConnectionOfAnotherWorker) {
  auto [client, socket] = stranger();
  client.send(kPlain);
  order(Verb::Adopt, socket);
  socket.reset();
  harness_.run();
  EXPECT_TRUE(client.read().ends_with("Hello, World!"));
  client.send(kPlain);
  harness_.run();
  EXPECT_TRUE(client.read().ends_with("Hello, World!"));
  EXPECT_EQ(count(stats::Count::ConnectionsAdopted), 1u);
  EXPECT_EQ(count(stats::Count::ConnectionsAccepted), 0u);
  harness_.advance(std::chrono::seconds(15));  // no head is awaited
  EXPECT_FALSE(client.is_ended());
}

TEST_F(MovingTest, GivesOnWhatItHadAdopted) {
  auto [client, socket] = stranger();
  order(Verb::Adopt, socket);
  order(Verb::Move, none_);
  harness_.run();
  harness_.drain();
  EXPECT_EQ(given().size(), 1u);
  EXPECT_EQ(harness_.open_connections(), 0u);
}

class FullMovingTest : public MovingTest {
 protected:
  FullMovingTest() : MovingTest(Limits{.max_connections = 2, .most_adopted = 3}) {}
};

TEST_F(FullMovingTest, TellsThoseAboveTheLimitToGoAndEndsTheRest) {
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) {
    auto [client, socket] = stranger();
    order(Verb::Adopt, socket);
    clients.push_back(std::move(client));
  }
  harness_.run();
  EXPECT_TRUE(clients[3].is_ended());
  EXPECT_EQ(count(stats::Count::ConnectionsRefused), 1u);
  for (size_t i = 0; i < 3; ++i) {
    clients[i].send(kPlain);
    harness_.run();
    const std::string text = clients[i].read();
    EXPECT_TRUE(text.ends_with("Hello, World!"));
    EXPECT_EQ(text.find("Connection: close") != std::string::npos, i == 2) << i;
  }
}

TEST(Control, RefusesWhatIsNoPacketSocket) {
  Harness harness;
  Acceptors acceptors(harness.service());
  EXPECT_FALSE(Control::create(harness.service(), acceptors, io::listen_on_loopback(), {}).ok());
  EXPECT_FALSE(Control::create(harness.service(), acceptors,
                               UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)), {})
                   .ok());
}

}  // namespace
}  // namespace sockherd::worker
