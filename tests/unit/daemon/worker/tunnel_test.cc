#include "daemon/worker/tunnel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "tests/unit/daemon/worker/proxy_harness.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using std::chrono::minutes;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

class TunnelTest : public ::testing::Test {
 protected:
  void open(std::string_view early = "") {
    client_.send(kUpgrade);
    backend_ = proxy_.accepted();
    EXPECT_THAT(backend_.read(), HasSubstr("\r\nUpgrade: echo\r\n"));
    backend_.send(std::string(kSwitching) + std::string(early));
    proxy_.run();
  }
  // A loop that is short of buffers takes a head in many pieces.
  void run_long() {
    for (int i = 0; i < 100; ++i) proxy_.run();
  }
  // More than the client's socket takes; the rest is in ours. Returns how much.
  size_t say_too_much() {
    const std::string piece(16384, 'x');
    size_t said = 0;
    for (uint64_t passed = 0;; passed = proxy_.count(Count::TunnelBytesDown)) {
      backend_.send(piece);
      said += piece.size();
      run_long();
      if (proxy_.count(Count::TunnelBytesDown) == passed) break;
    }
    int unsent = -1;
    ::ioctl(backend_.fd(), SIOCOUTQ, &unsent);
    EXPECT_EQ(unsent, 0) << "who closes would lose it himself";
    return said;
  }
  // As long as anything comes.
  size_t read_all(Client& from) {
    size_t got = 0;
    for (size_t more = from.read().size(); more > 0; more = from.read().size()) {
      got += more;
      run_long();
    }
    return got;
  }
  std::string through(Client& from, Client& to, std::string_view bytes) {
    from.send(bytes);
    proxy_.run();
    return to.read();
  }

  ProxyHarness proxy_;
  Client client_ = proxy_.connect();
  Client backend_{UniqueFd()};
};

TEST_F(TunnelTest, PassesBytesBothWays) {
  open("early");
  EXPECT_THAT(client_.read(), AllOf(StartsWith("HTTP/1.1 101 "), HasSubstr("\r\nUpgrade: echo\r\n"),
                                    EndsWith("\r\n\r\nearly")));
  EXPECT_EQ(through(client_, backend_, "there"), "there");
  EXPECT_EQ(through(backend_, client_, "and back"), "and back");
  EXPECT_EQ(proxy_.count(Count::TunnelsOpened), 1u);
  EXPECT_EQ(proxy_.count(Count::TunnelBytesUp), 5u);
  EXPECT_EQ(proxy_.file().in_flight(0), 1u);
}

// Found in review: the client read a 502, and what it asked next went on without being looked at.
TEST_F(TunnelTest, IsNoneWhereTheClientCannotBeTold) {
  const auto head = [](std::string_view status, size_t bytes) {
    return std::string(status) + "X-Fill: " + std::string(bytes, 'x') + "\r\n\r\n";
  };
  client_.send(kUpgrade);
  backend_ = proxy_.accepted();
  for (size_t i = 0; i < http::kMostInterimResponses; ++i) {  // more than its socket takes
    backend_.send(head("HTTP/1.1 103 Early Hints\r\n", 18'000));
    run_long();
  }
  backend_.send(head(kSwitching.substr(0, kSwitching.size() - 2), 22'000));
  run_long();
  std::string got;
  for (std::string more = client_.read(); !more.empty(); more = client_.read()) {
    got += more;
    proxy_.run();
  }
  EXPECT_THAT(got, HasSubstr("HTTP/1.1 502 "));
  EXPECT_THAT(got, Not(HasSubstr("HTTP/1.1 101 ")));
  EXPECT_TRUE(backend_.is_ended());
  EXPECT_TRUE(client_.is_ended());
  EXPECT_EQ(proxy_.count(Count::TunnelsOpened), 0u);
  EXPECT_EQ(proxy_.file().in_flight(0), 0u);
}

TEST_F(TunnelTest, PassesOnWhatTheClientSaidTooEarly) {
  client_.send(std::string(kUpgrade) + "early");
  backend_ = proxy_.accepted();
  EXPECT_THAT(backend_.read(), EndsWith("\r\n\r\n"));
  backend_.send(kSwitching);
  proxy_.run();
  EXPECT_EQ(backend_.read(), "early");
}

TEST_F(TunnelTest, PassesTheEndOfOneDirectionOn) {
  open();
  client_.read();
  client_.end_sending();
  proxy_.run();
  EXPECT_TRUE(backend_.is_ended());
  EXPECT_EQ(through(backend_, client_, "still"), "still");
  backend_.close();
  proxy_.run();
  EXPECT_TRUE(client_.is_ended());
  EXPECT_EQ(proxy_.count(Count::TunnelsClosed), 1u);
  EXPECT_EQ(proxy_.engine().open_connections(), 0u);
  EXPECT_EQ(proxy_.file().in_flight(0), 0u);
}

TEST_F(TunnelTest, HoldsBackWhoIsFasterThanTheOther) {
  open();
  client_.read();
  const std::string piece(65536, 'x');
  size_t sent = 0;
  for (int i = 0; i < 1000; ++i) {
    const size_t more = backend_.send_some(piece);
    proxy_.run();
    sent += more;
    if (more == 0) break;
  }
  EXPECT_LT(sent, size_t{50} << 20) << "somebody keeps it all";
  size_t got = 0;
  while (got < sent) {
    const size_t more = client_.read().size();
    ASSERT_GT(more, 0u) << "after " << got << " of " << sent;
    got += more;
    proxy_.run();
  }
  EXPECT_EQ(got, sent);
}

TEST_F(TunnelTest, EndsWhereOneSideIsGone) {
  open();
  client_.close();
  proxy_.run();
  EXPECT_EQ(proxy_.count(Count::TunnelsClosed), 1u);
  EXPECT_TRUE(backend_.is_ended());
}

// Found in review: a client that said something after the other end had gone lost what it had not
// read yet.
TEST_F(TunnelTest, KeepsWhatWasSaidLastForAClientThatGoesOnTalking) {
  open();
  client_.read();
  const size_t said = say_too_much();
  backend_.close();
  run_long();
  for (int i = 0; i < 3; ++i) {  // the first is answered with a reset, the next fails
    client_.send("pong");
    run_long();
  }
  EXPECT_EQ(read_all(client_), said);
  EXPECT_TRUE(client_.is_ended());
  EXPECT_EQ(proxy_.file().in_flight(0), 0u) << "the place is free for others";
  client_.send("still talking");
  run_long();
  EXPECT_EQ(proxy_.count(Count::TunnelsClosed), 0u);
  client_.close();
  run_long();
  EXPECT_EQ(proxy_.count(Count::TunnelsClosed), 1u);
  EXPECT_EQ(proxy_.engine().open_connections(), 0u);
}

TEST_F(TunnelTest, KeepsWhatWasSaidLastBeforeAReset) {
  open();
  client_.read();
  const size_t said = say_too_much();
  client_.send("never read");
  run_long();
  backend_.close();  // with unread bytes: a reset
  run_long();
  EXPECT_EQ(read_all(client_), said);
  EXPECT_TRUE(client_.is_ended());
}

TEST_F(TunnelTest, DoesNotWaitForEverForAClientWhoseOtherEndIsGone) {
  open();
  client_.read();
  client_.send("never read");
  run_long();
  backend_.close();
  run_long();
  EXPECT_TRUE(client_.is_ended());
  EXPECT_EQ(proxy_.engine().open_connections(), 1u);
  proxy_.engine().advance(std::chrono::seconds(31));
  EXPECT_EQ(proxy_.engine().open_connections(), 0u);
  EXPECT_EQ(proxy_.count(Count::TunnelTimeouts), 0u);
}

TEST_F(TunnelTest, DoesNotWaitForEverForAClientThatTakesNothing) {
  open();
  client_.read();
  say_too_much();
  backend_.close();
  run_long();
  client_.send("pong");
  run_long();
  client_.send("pong");
  proxy_.engine().advance(minutes(61));
  EXPECT_EQ(proxy_.engine().open_connections(), 0u);
  EXPECT_EQ(proxy_.count(Count::TunnelTimeouts), 1u);
}

TEST_F(TunnelTest, EndsWhenBothAreSilent) {
  open();
  proxy_.engine().advance(minutes(59));
  EXPECT_FALSE(backend_.is_ended());
  proxy_.engine().advance(minutes(61));
  EXPECT_TRUE(backend_.is_ended());
  EXPECT_EQ(proxy_.count(Count::TunnelTimeouts), 1u);
}

TEST_F(TunnelTest, OutlivesTheBeginOfADrain) {
  open();
  client_.read();
  proxy_.engine().drain();
  EXPECT_EQ(through(client_, backend_, "still here"), "still here");
}

TEST_F(TunnelTest, IsNotBegunInADrain) {
  Client late = proxy_.connect();
  late.send("GET /ws HTTP/1.1\r\nHost: h\r\n");
  proxy_.run();
  proxy_.engine().drain();
  late.send("Connection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  proxy_.run();
  EXPECT_THAT(late.read(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(TunnelTest, TakesAnOrdinaryAnswerInstead) {
  client_.send(kUpgrade);
  backend_ = proxy_.accepted();
  backend_.send(ProxyHarness::ok("no"));
  proxy_.run();
  EXPECT_THAT(client_.read(), EndsWith("no"));
  EXPECT_EQ(proxy_.count(Count::TunnelsOpened), 0u);
}

}  // namespace
}  // namespace sockherd::worker
