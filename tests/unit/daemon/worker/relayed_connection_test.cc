#include "daemon/worker/relayed_connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>

#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {
namespace {

class RelayedConnectionTest : public ::testing::Test {
 protected:
  RelayedConnectionTest() {
    std::array<int, 2> client = {-1, -1};
    std::array<int, 2> sibling = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, kType, 0, client.data()), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, kType, 0, sibling.data()), 0);
    client_ = Client(UniqueFd(client[0]));
    sibling_ = Client(UniqueFd(sibling[0]));
    relayed_ = std::make_unique<RelayedConnection>(UniqueFd(client[1]), UniqueFd(sibling[1]));
    EXPECT_TRUE(relayed_->begin(*loop_));
  }

  void run() {
    for (int i = 0; i < 10; ++i) loop_->turn(loop_->now());
    if (relayed_ != nullptr && relayed_->is_over(now_)) relayed_.reset();
  }
  // Until nobody has room for more.
  size_t say_all(Client& who) {
    const std::string piece(4096, 'x');
    size_t said = 0;
    for (size_t more = who.send_some(piece); more > 0; more = who.send_some(piece)) {
      said += more;
      run();
    }
    return said;
  }
  size_t read_all(Client& who) {
    size_t got = 0;
    for (size_t more = who.read().size(); more > 0; more = who.read().size()) {
      got += more;
      run();
    }
    return got;
  }

  static constexpr int kType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  std::unique_ptr<io::Loop> loop_ = io::Loop::create().value();
  Instant now_ = loop_->now();
  Client client_{UniqueFd()};
  Client sibling_{UniqueFd()};
  std::unique_ptr<RelayedConnection> relayed_;
};

TEST_F(RelayedConnectionTest, PassesBytesAndEndsBothWays) {
  client_.send("there");
  client_.end_sending();
  run();
  EXPECT_EQ(sibling_.read(), "there");
  EXPECT_TRUE(sibling_.is_ended());
  sibling_.send("back");
  sibling_.end_sending();
  run();
  EXPECT_EQ(client_.read(), "back");
  EXPECT_TRUE(client_.is_ended());
  EXPECT_EQ(relayed_, nullptr);
}

// Found in review: a sibling that refused a long request, and closed, had said so to nobody.
TEST_F(RelayedConnectionTest, BringsAnAnswerThatDidNotWaitForTheEndOfTheRequest) {
  client_.send("begin");
  run();
  EXPECT_EQ(sibling_.read(), "begin");
  sibling_.send("413");
  sibling_.close();
  client_.send("more");
  run();
  client_.send("and more");
  run();
  EXPECT_EQ(client_.read(), "413");
  EXPECT_TRUE(client_.is_ended());
}

TEST_F(RelayedConnectionTest, BringsALongAnswerToAClientThatGoesOnTalking) {
  const size_t said = say_all(sibling_);
  sibling_.close();
  for (int i = 0; i < 3; ++i) {
    client_.send("more");
    run();
  }
  EXPECT_EQ(read_all(client_), said);
  EXPECT_TRUE(client_.is_ended());
  ASSERT_NE(relayed_, nullptr) << "unread bytes would reset it";
  client_.end_sending();
  run();
  EXPECT_EQ(relayed_, nullptr);
}

TEST_F(RelayedConnectionTest, BringsWhatWasSaidBeforeABreak) {
  client_.send("never read");
  run();
  sibling_.send("413");
  sibling_.close();  // with unread bytes: a reset
  run();
  ASSERT_NE(relayed_, nullptr) << "the client has not taken it";
  EXPECT_EQ(client_.read(), "413");
  run();
  EXPECT_EQ(relayed_, nullptr);
  EXPECT_TRUE(client_.is_ended());
}

TEST_F(RelayedConnectionTest, WaitsNoLongerForAClientThanItsTime) {
  client_.send("never read");
  run();
  sibling_.send("413");
  sibling_.close();
  run();
  ASSERT_NE(relayed_, nullptr);
  now_ = now_ + RelayedConnection::kLongestEnd;
  run();
  EXPECT_EQ(relayed_, nullptr);
}

TEST_F(RelayedConnectionTest, IsOverWhereTheClientBreaks) {
  sibling_.send("never read");
  run();
  client_.close();
  run();
  EXPECT_EQ(relayed_, nullptr);
  EXPECT_TRUE(sibling_.is_ended());
}

}  // namespace
}  // namespace sockherd::worker
