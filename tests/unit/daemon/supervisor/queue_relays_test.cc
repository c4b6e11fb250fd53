#include "daemon/supervisor/queue_relays.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "daemon/base/log.h"
#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kBegin{std::chrono::hours(1)};

// Errands that pass on as many connections as a file says, without looking whether any wait.
class QueueRelaysTest : public LoopTest {
 protected:
  QueueRelaysTest() {
    directory_.write("errand", "#!/bin/sh\ncat " + directory_.path("passes") + " >&4\n");
    EXPECT_EQ(::chmod(directory_.path("errand").c_str(), 0755), 0);
    pass_on(0);
  }

  void pass_on(size_t connections) { directory_.write("passes", std::string(connections, 'c')); }

  // Whether an errand was started; waits for its end.
  bool starts(Duration after, Result<void>* outcome = nullptr) {
    const auto looked =
        relays_.look(kSocket, "web", listener_.get(), address_, seconds(2), kBegin + after);
    if (outcome != nullptr) *outcome = looked;
    const bool has_started = relays_.is_at(kSocket);
    run_until([this] { return !relays_.is_at(kSocket); });
    return has_started;
  }

  const QueueRelays::Socket kSocket{"web", 3};
  worker::TemporaryDirectory directory_;
  UniqueFd listener_ =
      sys::bind_listener(sys::parsed("127.0.0.1:0"), sys::Sharing::ReusePort, 16, 0).value();
  const sys::SocketAddress address_ = sys::address_of(listener_);
  QueueRelays relays_{loop(), directory_.path("errand")};
};

TEST_F(QueueRelaysTest, BeginWhenPatienceIsOverAndGoOnAsLongAsTheyPassOn) {
  pass_on(5);
  EXPECT_FALSE(starts(seconds(0)));
  EXPECT_FALSE(starts(milliseconds(1999)));
  EXPECT_TRUE(starts(milliseconds(2000)));
  EXPECT_TRUE(starts(milliseconds(2200)));
  EXPECT_EQ(relays_.passed("web"), 10U);
}

// With several threads a slot has several sockets, and their numbers are none of slots.
TEST_F(QueueRelaysTest, SayWhichSocketOfItsListenerItIs) {
  std::string said;
  log::set_observer([&said](auto, auto name, auto facts) {
    for (const auto& fact : facts) said += std::string(name) + " " + std::string(fact.key) + "\n";
  });
  EXPECT_FALSE(starts(seconds(0)));
  EXPECT_TRUE(starts(seconds(2)));
  log::set_observer(nullptr);
  EXPECT_NE(said.find("queue-relayed socket\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("queue-relayed slot\n"), std::string::npos) << said;
}

// Found in review: one that could not connect was forked with every look, for ever.
TEST_F(QueueRelaysTest, ThatAreInVainComeEverMoreSeldom) {
  EXPECT_FALSE(starts(seconds(0)));
  Duration at = seconds(2);
  for (const int pause : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_TRUE(starts(at)) << pause;
    Result<void> said;
    EXPECT_FALSE(starts(at + milliseconds(200), &said));  // when it is seen that it was
    ASSERT_FALSE(said.ok());
    EXPECT_EQ(said.error().what, "none could be passed on to " + address_.text());
    at += milliseconds(200) + seconds(pause);
    EXPECT_FALSE(starts(at - milliseconds(1), &said)) << pause;
    EXPECT_TRUE(said.ok()) << "once an errand";
  }
}

TEST_F(QueueRelaysTest, ThatHavePassedSomethingOnEndThePause) {
  EXPECT_FALSE(starts(seconds(0)));
  EXPECT_TRUE(starts(seconds(2)));
  EXPECT_FALSE(starts(seconds(3)));
  EXPECT_TRUE(starts(seconds(4)));
  EXPECT_FALSE(starts(seconds(5)));
  pass_on(1);
  EXPECT_TRUE(starts(seconds(7)));
  pass_on(0);
  EXPECT_TRUE(starts(milliseconds(7200)));
  EXPECT_FALSE(starts(seconds(8)));
  EXPECT_TRUE(starts(seconds(9))) << "the first pause again";
}

TEST_F(QueueRelaysTest, ThatCannotBeStartedArePausedToo) {
  const auto is_tried = [this](Duration after) {
    return !relays_.look(kSocket, "web", -1, address_, seconds(2), kBegin + after).ok();
  };
  EXPECT_FALSE(is_tried(seconds(0)));
  EXPECT_TRUE(is_tried(seconds(2)));
  EXPECT_FALSE(is_tried(milliseconds(2999)));
  EXPECT_TRUE(is_tried(seconds(3)));
  EXPECT_FALSE(is_tried(milliseconds(4999)));
  EXPECT_TRUE(is_tried(seconds(5)));
}

TEST_F(QueueRelaysTest, OfAQueueThatWasAttendedToBeginAnew) {
  EXPECT_FALSE(starts(seconds(0)));
  EXPECT_TRUE(starts(seconds(2)));
  EXPECT_FALSE(starts(seconds(3)));
  relays_.forget(kSocket);
  EXPECT_FALSE(starts(milliseconds(3200)));
  EXPECT_TRUE(starts(milliseconds(5200)));
}

}  // namespace
}  // namespace sockherd::supervisor
