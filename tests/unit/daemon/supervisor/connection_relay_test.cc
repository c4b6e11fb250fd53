#include "daemon/supervisor/connection_relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>
#include <string>
#include <utility>

#include "daemon/sys/packet_socket.h"
#include "tests/unit/daemon/supervisor/loop.h"

namespace sockherd::supervisor {
namespace {

using contract::Message;
using contract::Verb;

Message given(uint32_t slot = 0, const std::string& listener = "web") {
  return {.verb = Verb::Give, .listener = listener, .slot = slot};
}

class ConnectionRelayTest : public LoopTest {
 protected:
  // A worker of the pool "web"; its end of the control socket is ends_[id].
  void add(fleet::WorkerId id, uint32_t slot, std::vector<std::string> listeners = {"web"}) {
    auto pair = sys::create_packet_pair();
    ASSERT_TRUE(pair.ok());
    ends_[id] = std::move(pair->theirs);
    std::map<std::string, std::vector<uint32_t>> sockets;
    for (const std::string& name : listeners) sockets[name] = {slot};
    relay_.add(id, {.pool = "web",
                    .slot = slot,
                    .listeners = std::move(listeners),
                    .sockets = std::move(sockets),
                    .control = pair->ours.get(),
                    .listen_again = [this] { return ++resumed_ > refused_; }});
    ours_[id] = std::move(pair->ours);
  }
  // Gives one end of a new connection; the other one is the client.
  UniqueFd give(fleet::WorkerId from, const Message& message = given()) {
    std::array<int, 2> fds = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()), 0);
    relay_.on_message(from, message, UniqueFd(fds[0]));
    return UniqueFd(fds[1]);
  }
  // The verb of the next message to a worker, with its descriptor; "" if there is none.
  std::string heard(fleet::WorkerId id) {
    sys::Packet packet = sys::receive_packet(ends_[id].get());
    if (packet.state != sys::PacketState::Packet) return "";
    return packet.bytes.substr(5, packet.bytes.find('\n') - 5) + (packet.fd ? "+" : "");
  }
  size_t fill(fleet::WorkerId id) {
    size_t count = 0;
    while (sys::send_packet(ours_[id].get(), "x").ok()) ++count;
    return count;
  }
  void empty(fleet::WorkerId id) {
    while (sys::receive_packet(ends_[id].get()).state == sys::PacketState::Packet) continue;
  }
  static bool is_closed(const UniqueFd& client) {
    char byte = 0;
    return ::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  ConnectionRelay relay_{loop()};
  std::map<fleet::WorkerId, UniqueFd> ends_;
  std::map<fleet::WorkerId, UniqueFd> ours_;
  int resumed_ = 0;
  int refused_ = 0;  // of these, the first ones
};

TEST_F(ConnectionRelayTest, TellsThatConnectionsMayMoveUnlessThePoolEnds) {
  add(1, 0);
  relay_.set_takers("web", {1});
  relay_.prepare(1);  // the only one; its successor is named with the next steering
  EXPECT_EQ(heard(1), "move");
  add(2, 0);
  relay_.set_takers("web", {2});
  EXPECT_TRUE(relay_.may_take_message(1));
  relay_.set_takers("web", {});
  EXPECT_EQ(heard(1), "keep");
  relay_.prepare(1);
  EXPECT_EQ(heard(1), "");
}

TEST_F(ConnectionRelayTest, PrefersTheOwnerOfTheSlotAndTakesTurnsElsewhere) {
  for (const fleet::WorkerId id : {1, 2, 3, 4}) add(id, static_cast<uint32_t>(id % 3));
  relay_.set_takers("web", {2, 3, 4});  // slots 2, 0, 1
  const UniqueFd first = give(1, given(1));
  EXPECT_FALSE(is_closed(first));
  EXPECT_EQ(heard(4), "adopt+");
  std::map<fleet::WorkerId, int> counts;
  for (int i = 0; i < 6; ++i) {
    const UniqueFd client = give(1, given(77));
    for (const fleet::WorkerId id : {2, 3, 4}) counts[id] += heard(id) == "adopt+" ? 1 : 0;
  }
  EXPECT_EQ(counts, (std::map<fleet::WorkerId, int>{{2, 2}, {3, 2}, {4, 2}}));
}

TEST_F(ConnectionRelayTest, TakesOnlyWorkersWithTheListener) {
  add(1, 0, {"web", "more@127.0.0.1:1"});
  add(2, 0, {"web"});
  relay_.set_takers("web", {2});
  const UniqueFd more = give(1, given(0, "more"));
  EXPECT_EQ(heard(2), "");
  EXPECT_EQ(heard(1), "adopt+") << "its own worker ends it";
  const UniqueFd leftover = give(1, given(0, "leftover"));
  EXPECT_EQ(heard(2), "adopt+") << "came from no listener: any will do";
}

TEST_F(ConnectionRelayTest, WaitsWhileTheTakerHasEnoughToRead) {
  add(1, 0);
  add(2, 0);
  relay_.set_takers("web", {2});
  EXPECT_TRUE(relay_.may_take_message(1));
  EXPECT_GT(fill(2), 10U);
  EXPECT_FALSE(relay_.may_take_message(1));
  const UniqueFd held = give(1);  // read before it was full
  EXPECT_FALSE(relay_.may_take_message(1));
  run_until([this] { return resumed_ == 1; });
  EXPECT_FALSE(relay_.may_take_message(1));
  empty(2);
  run_until([this] { return resumed_ == 2; });
  EXPECT_TRUE(relay_.may_take_message(1));
  EXPECT_FALSE(is_closed(held));
  EXPECT_EQ(heard(2), "adopt+");
}

TEST_F(ConnectionRelayTest, TriesAgainWhereAGiverCannotBeListenedTo) {
  refused_ = 2;
  add(1, 0);
  add(2, 0);
  relay_.set_takers("web", {2});
  fill(2);
  EXPECT_FALSE(relay_.may_take_message(1));
  run_until([this] { return resumed_ == 3; });
}

TEST_F(ConnectionRelayTest, KeepsWhatItHoldsWhenTheGiverHasEnded) {
  add(1, 0);
  add(2, 0);
  relay_.set_takers("web", {2});
  fill(2);
  const UniqueFd held = give(1);
  relay_.remove(1);
  ends_.erase(1);
  empty(2);
  run_until([this] { return heard(2) == "adopt+"; });
}

TEST_F(ConnectionRelayTest, WaitsForATakerAfterACrashAndNotAfterTheEnd) {
  add(1, 0);
  add(2, 0);
  relay_.set_takers("web", {2});
  relay_.remove(2);
  EXPECT_FALSE(relay_.may_take_message(1));
  add(3, 0);
  relay_.set_takers("web", {3});
  EXPECT_TRUE(relay_.may_take_message(1));
  const UniqueFd moved = give(1);
  EXPECT_EQ(heard(3), "adopt+");
  relay_.set_takers("web", {});
  EXPECT_EQ(heard(1), "keep");
  EXPECT_EQ(heard(3), "keep");
  EXPECT_TRUE(relay_.may_take_message(1));
  const UniqueFd back = give(1);
  EXPECT_EQ(heard(1), "adopt+");
}

TEST_F(ConnectionRelayTest, ClosesWhatNobodyTakes) {
  add(1, 0);
  relay_.set_takers("web", {});
  ends_.erase(1);
  EXPECT_TRUE(is_closed(give(1)));
  EXPECT_TRUE(is_closed(give(9))) << "of nobody we know";
}

TEST_F(ConnectionRelayTest, IgnoresOtherMessages) {
  add(1, 0);
  add(2, 0);
  relay_.set_takers("web", {2});
  relay_.on_message(1, given(), UniqueFd());
  EXPECT_TRUE(is_closed(give(1, {.verb = Verb::Adopt, .listener = "web"})));
  EXPECT_EQ(heard(2), "");
}

}  // namespace
}  // namespace sockherd::supervisor
