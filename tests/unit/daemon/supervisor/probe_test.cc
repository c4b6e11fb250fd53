#include "daemon/supervisor/probe.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <vector>

#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::supervisor {
namespace {

using Acceptor = Probe::Acceptor;

TEST(FinalStatus, IsReadFromTheFirstLine) {
  EXPECT_EQ(final_status("HTTP/1.1 200 OK\r\n"), 200);
  EXPECT_EQ(final_status("HTTP/1.0 503\r\n\r\n"), 503);
  EXPECT_EQ(final_status("HTTP/1.1 302 "), 302);
}

TEST(FinalStatus, NeedsTheWholeOfIt) {
  const std::string_view all = "HTTP/1.1 204 ";
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(final_status(all.substr(0, i)), std::nullopt) << i;
  }
}

TEST(FinalStatus, PassesOverWhatComesBeforeIt) {
  EXPECT_EQ(final_status("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\n"), 404);
  EXPECT_EQ(final_status("HTTP/1.1 100 Continue\r\n"), std::nullopt);
  EXPECT_EQ(final_status("HTTP/1.1 100 Continue\r\n\r\nnonsense"), 0);
}

TEST(FinalStatus, TakesNoNonsense) {
  for (const char* text :
       {"SSH-2.0-OpenSSH_9", "HTTP/2 200 OK\r\n", "HTTP/1.1 2000 OK", "HTTP/1.1 2x0 OK",
        "HTTP/1.2 200 OK", "HTTP/1.1 099 x", "HTTP/1.1 600 x", "HTTP/1.1  20 OK",
        "HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\n", "h", "HTTP/1.1\t200 OK "}) {
    EXPECT_EQ(final_status(text), 0) << text;
  }
}

class ProbeTest : public LoopTest {
 protected:
  ProbeTest()
      : listener_(std::move(sys::bind_listener(sys::parsed("127.0.0.1:0"), sys::Sharing::ReusePort,
                                               128, 0))
                      .value()) {}

  void start(Probe::Question question) {
    auto started = Probe::start(loop(), std::move(question),
                                [this](ProbeOutcome o) { outcomes_.push_back(o); });
    ASSERT_TRUE(started.ok()) << started.error().what;
    probe_ = std::move(started).value();
  }
  void start(const std::string& path) { start({.address = address(), .path = path}); }
  sys::SocketAddress address() const { return sys::address_of(listener_); }

  // Answers what comes next, and returns the request.
  std::string answer(std::string_view text) {
    const UniqueFd connection = sys::accept_one(listener_);
    std::string request = read_until(connection, "\r\n\r\n");
    EXPECT_EQ(::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
    run_until([this] { return !outcomes_.empty(); });
    return request;
  }
  std::string read_until(const UniqueFd& connection, std::string_view end) {
    std::string text;
    run_until([&] {
      char buffer[1024];
      const ssize_t got = ::recv(connection.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) text.append(buffer, static_cast<size_t>(got));
      return text.ends_with(end);
    });
    return text;
  }
  ProbeOutcome outcome() {
    run_until([this] { return !outcomes_.empty(); });
    EXPECT_EQ(outcomes_.size(), 1U);
    return outcomes_.empty() ? ProbeOutcome::Unsure : outcomes_.front();
  }

  UniqueFd listener_;
  std::unique_ptr<Probe> probe_;
  std::vector<ProbeOutcome> outcomes_;
};

TEST_F(ProbeTest, AConnectionIsEnoughWhereNothingElseIsAskedFor) {
  start("");
  EXPECT_EQ(outcome(), ProbeOutcome::Passed);
}

TEST_F(ProbeTest, NobodyListensThere) {
  const sys::SocketAddress there = address();
  listener_.reset();
  start({.address = there, .path = ""});
  EXPECT_EQ(outcome(), ProbeOutcome::Failed);
}

TEST_F(ProbeTest, TheStatusDecides) {
  for (const auto& [said, expected] : {std::pair("HTTP/1.1 200 OK\r\n\r\n", ProbeOutcome::Passed),
                                       {"HTTP/1.1 399 \r\n", ProbeOutcome::Passed},
                                       {"HTTP/1.0 404 No\r\n", ProbeOutcome::Failed},
                                       {"HTTP/1.1 503 Not yet\r\n", ProbeOutcome::Failed},
                                       {"220 mail.example ESMTP\r\n", ProbeOutcome::Failed}}) {
    outcomes_.clear();
    start("/healthz");
    const std::string request = answer(said);
    EXPECT_EQ(request.substr(0, 23), "GET /healthz HTTP/1.1\r\n");
    EXPECT_NE(request.find("\r\nHost: localhost\r\n"), std::string::npos);
    EXPECT_EQ(outcome(), expected) << said;
  }
}

TEST_F(ProbeTest, AnAnswerThatBreaksOffIsNone) {
  start("/");
  const UniqueFd connection = sys::accept_one(listener_);
  EXPECT_EQ(::send(connection.get(), "HTTP/1.1 2", 10, 0), 10);
  ::shutdown(connection.get(), SHUT_WR);
  EXPECT_EQ(outcome(), ProbeOutcome::Failed);
}

TEST_F(ProbeTest, AFloodWithoutAnAnswerEnds) {
  start("/");
  const UniqueFd connection = sys::accept_one(listener_);
  const std::string flood = "HTTP/1.1 103 Early\r\nLink: " + std::string(20'000, 'x');
  EXPECT_EQ(::send(connection.get(), flood.data(), flood.size(), 0),
            static_cast<ssize_t>(flood.size()));
  EXPECT_EQ(outcome(), ProbeOutcome::Failed);
}

TEST_F(ProbeTest, TheRestOfARequestIsForTheRightOneOnly) {
  Acceptor says = Acceptor::Nobody;
  start({.address = address(), .path = "/x", .acceptor = [&](int, bool) { return says; }});
  const UniqueFd connection = sys::accept_one(listener_);
  EXPECT_EQ(read_until(connection, "\r\n"), "GET /x HTTP/1.1\r\n");
  says = Acceptor::Ours;
  read_until(connection, "\r\n\r\n");
  EXPECT_EQ(::send(connection.get(), "HTTP/1.1 200 OK\r\n", 17, 0), 17);
  EXPECT_EQ(outcome(), ProbeOutcome::Passed);
}

TEST_F(ProbeTest, AnotherAcceptorHearsNoMore) {
  start({.address = address(), .path = "/x", .acceptor = [&](int, bool) {
           return Acceptor::Another;
         }});
  EXPECT_EQ(outcome(), ProbeOutcome::Elsewhere);
}

TEST_F(ProbeTest, WhoCannotBeKnownIsSaid) {
  start(
      {.address = address(), .path = "", .acceptor = [&](int, bool) { return Acceptor::Unsure; }});
  EXPECT_EQ(outcome(), ProbeOutcome::Unsure);
}

TEST_F(ProbeTest, OneThatEndsIsLookedAtAsEnded) {
  bool was_ended = false;
  start({.address = address(), .path = "", .acceptor = [&](int, bool is_ended) {
           was_ended = is_ended;
           return is_ended ? Acceptor::Ours : Acceptor::Nobody;
         }});
  sys::accept_one(listener_).reset();
  EXPECT_EQ(outcome(), ProbeOutcome::Passed);
  EXPECT_TRUE(was_ended);
}

TEST_F(ProbeTest, TheAimLastsUntilItIsConnected) {
  uint16_t port = 0;
  int ends = 0;
  start({.address = address(),
         .path = "",
         .acceptor = [](int, bool) { return Acceptor::Nobody; },
         .aim =
             [&](uint16_t from) {
               port = from;
               return true;
             },
         .aimed = [&] { ++ends; }});
  run_until([&] { return ends > 0; });
  const UniqueFd connection = sys::accept_one(listener_);
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  ASSERT_EQ(::getpeername(connection.get(), reinterpret_cast<sockaddr*>(&peer), &size), 0);
  EXPECT_EQ(ntohs(peer.sin_port), port);
  probe_.reset();
  EXPECT_EQ(ends, 1);
}

TEST_F(ProbeTest, WithoutAnAimItAsksNobody) {
  start({.address = address(),
         .path = "",
         .acceptor = [](int, bool) { return Acceptor::Ours; },
         .aim = [](uint16_t) { return false; },
         .aimed = [] { FAIL() << "it never began"; }});
  EXPECT_EQ(outcome(), ProbeOutcome::Elsewhere);
  EXPECT_FALSE(sys::accept_one(listener_));
}

}  // namespace
}  // namespace sockherd::supervisor
