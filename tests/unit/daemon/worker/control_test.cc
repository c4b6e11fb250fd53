#include "daemon/worker/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/daemon/worker/harness.h"
#include "tests/unit/daemon/worker/loopback.h"

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
    auto created = Control::create(harness_.service(), acceptors_, std::move(pair->theirs),
                                   [this] { ++hang_ups_; });
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
      clients.emplace_back(connect_to(listener_.get()));
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
  UniqueFd listener_ = listen_on_loopback();  // the sibling's slot, held by the supervisor
  std::unique_ptr<Control> control_;
  int hang_ups_ = 0;
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
  const UniqueFd older = listen_on_loopback();
  order(Verb::Take, older);
  EXPECT_EQ(answer(), said(Verb::Taken));
  order(Verb::Take, listener_);
  EXPECT_EQ(answer(), said(Verb::Taken));
  auto clients = connect(2);
  EXPECT_EQ(answered(clients), 2u);
  const UniqueFd stray = connect_to(older.get());
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

TEST(Control, RefusesWhatIsNoPacketSocket) {
  Harness harness;
  Acceptors acceptors(harness.service());
  EXPECT_FALSE(Control::create(harness.service(), acceptors, listen_on_loopback(), [] {}).ok());
  EXPECT_FALSE(Control::create(harness.service(), acceptors,
                               UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)), [] {})
                   .ok());
}

}  // namespace
}  // namespace sockherd::worker
