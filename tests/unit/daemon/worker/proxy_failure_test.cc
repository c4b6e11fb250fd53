// What the proxy does where who stands behind it is slow, full, or not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <vector>

#include "tests/unit/daemon/worker/proxy_harness.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kPost = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";

// One request and its answer, so that there is a connection that is kept.
Client kept_connection(ProxyHarness& proxy, Client& client) {
  client.send(ProxyHarness::get("/first"));
  Client backend = proxy.accepted();
  backend.read();
  backend.send(ProxyHarness::ok("first"));
  proxy.run();
  EXPECT_THAT(client.read(), EndsWith("first"));
  return backend;
}

TEST(ProxyRetries, AsksAgainWhereAKeptConnectionEndsBeforeItAnswers) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  Client kept = kept_connection(proxy, client);
  client.send(ProxyHarness::get("/second"));
  proxy.run();
  EXPECT_THAT(kept.read(), StartsWith("GET /second "));
  kept.close();
  Client fresh = proxy.accepted();
  EXPECT_THAT(fresh.read(), StartsWith("GET /second "));
  fresh.send(ProxyHarness::ok("second"));
  proxy.run();
  EXPECT_THAT(client.read(), EndsWith("second"));
  EXPECT_EQ(proxy.count(Count::UpstreamRetries), 1u);
  EXPECT_EQ(proxy.count(Count::UpstreamFailures), 0u) << "that is nobody's fault";
}

TEST(ProxyRetries, AsksOnlyOnceMore) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  Client kept = kept_connection(proxy, client);
  client.send(ProxyHarness::get("/second"));
  proxy.run();
  kept.read();
  kept.close();
  Client fresh = proxy.accepted();
  fresh.read();
  fresh.close();
  proxy.run();
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 502 "));
  EXPECT_FALSE(proxy.backend().accept().has_value());
}

TEST(ProxyRetries, DoesNotSendTwiceWhatMayNotBeDoneTwice) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  Client kept = kept_connection(proxy, client);
  client.send(kPost);
  proxy.run();
  EXPECT_THAT(kept.read(), EndsWith("body"));
  kept.close();
  proxy.run();
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 502 "));
  EXPECT_FALSE(proxy.backend().accept().has_value());
}

TEST(ProxyRetries, SendsABodyAgain) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  Client kept = kept_connection(proxy, client);
  client.send("PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  proxy.run();
  kept.read();
  kept.close();
  Client fresh = proxy.accepted();
  EXPECT_THAT(fresh.read(), AllOf(StartsWith("PUT /p "), EndsWith("\r\n\r\nbody")));
}

TEST(ProxyRetries, ACrashInTheMiddleIsToldAtOnce) {
  ProxyHarness proxy(2);
  Client client = proxy.connect();
  client.send(ProxyHarness::get());
  proxy.run();
  std::optional<Client> asked = proxy.backend(0).accept();
  if (!asked) asked = proxy.backend(1).accept();
  ASSERT_TRUE(asked.has_value());
  proxy.run();
  asked->read();
  asked->close();
  proxy.run();
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 502 "));
  EXPECT_EQ(proxy.count(Count::UpstreamFailures), 1u);
}

TEST(ProxyRetries, AsksAnotherOneWhereOneRefuses) {
  ProxyHarness proxy(2);
  proxy.backend(0).stop();
  for (int i = 0; i < 10; ++i) {
    Client client = proxy.connect();
    client.send(kPost);
    Client backend = proxy.accepted(1);
    EXPECT_THAT(backend.read(), EndsWith("body"));
    backend.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    proxy.run();
    EXPECT_THAT(client.read(), EndsWith("ok"));
  }
  EXPECT_GT(proxy.count(Count::UpstreamConnectFailures), 0u);
  EXPECT_EQ(proxy.file().in_flight(0), 0u);
  EXPECT_EQ(proxy.file().in_flight(1), 0u);
}

TEST(ProxyRetries, WaitsAMomentForTheOnlyOne) {
  ProxyHarness proxy;
  proxy.backend().stop();
  Client client = proxy.connect();
  client.send(kPost);
  proxy.run();
  EXPECT_EQ(client.read(), "");
  proxy.backend().start();
  proxy.engine().advance(milliseconds(20));
  Client backend = proxy.accepted();
  EXPECT_THAT(backend.read(), EndsWith("body"));
  backend.send(ProxyHarness::ok());
  proxy.run();
  EXPECT_THAT(client.read(), EndsWith("hello"));
}

// No descriptor is left for connections, as long as this lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(ProxyLacks, AreNotTheFaultOfWhoShouldAnswer) {
  ProxyHarness proxy;
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(proxy.connect());
    clients.back().send(ProxyHarness::get());
  }
  {
    const NoDescriptors lack;
    proxy.run();
  }
  EXPECT_GT(proxy.count(Count::UpstreamConnectFailures), 0u);
  EXPECT_EQ(proxy.count(Count::UpstreamFailures), 0u);
  EXPECT_EQ(proxy.count(Count::UpstreamEjections), 0u);
  proxy.engine().advance(milliseconds(20));
  for (int i = 0; i < 5; ++i) {
    Client backend = proxy.accepted();
    backend.read();
    backend.send(ProxyHarness::ok());
    proxy.run();
  }
  for (Client& client : clients) EXPECT_THAT(client.read(), EndsWith("hello"));
}

TEST(ProxyLacks, AreSaidInTheEnd) {
  UpstreamSettings settings = ProxyHarness::quiet();
  settings.connect_timeout = Duration::zero();
  ProxyHarness proxy(1, settings);
  Client client = proxy.connect();
  client.send(kPost);
  const NoDescriptors lack;
  proxy.run();
  EXPECT_THAT(client.read(),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: 1\r\n")));
  EXPECT_EQ(proxy.count(Count::UpstreamFailures), 0u);
  EXPECT_EQ(proxy.file().in_flight(0), 0u);
}

TEST(ProxyLacks, AFullQueueOfAUnixSocketIsOne) {
  TemporaryDirectory directory;
  ProxyHarness proxy;
  const std::string address = "unix:" + directory.path("s");
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sys::SocketAddress parsed = sys::SocketAddress::parse(address).value();
  ASSERT_EQ(::bind(listener.get(), parsed.get(), parsed.size()), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  proxy.file().set_state(0, contract::UpstreamState::Leaving, 0);
  proxy.settle(address);
  const UniqueFd first(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(first.get(), parsed.get(), parsed.size()), 0) << "its queue is full by now";
  Client client = proxy.connect();
  client.send(kPost);
  proxy.run();
  EXPECT_EQ(client.read(), "");
  EXPECT_GT(proxy.count(Count::UpstreamConnectFailures), 0u);
  EXPECT_EQ(proxy.count(Count::UpstreamFailures), 0u);
  const UniqueFd taken(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  proxy.engine().advance(milliseconds(20));
  proxy.run();
  Client backend(
      UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)));
  EXPECT_THAT(backend.read(), EndsWith("body"));
}

TEST(ProxyTimeouts, GivesUpAnAnswerThatDoesNotCome) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  client.send(ProxyHarness::get());
  Client backend = proxy.accepted();
  proxy.engine().advance(seconds(29));
  EXPECT_EQ(client.read(), "");
  proxy.engine().advance(seconds(31));
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 504 "));
  EXPECT_TRUE(backend.is_ended());
  EXPECT_EQ(proxy.file().in_flight(0), 0u);
  EXPECT_EQ(proxy.count(Count::ProxyTimeouts), 1u);
}

// Found in review: each byte of it began the time anew, and its place was held for days.
TEST(ProxyTimeouts, AHeadThatTricklesIsNoAnswer) {
  ProxyHarness proxy;
  io::Loop& loop = proxy.engine().loop();
  Client client = proxy.connect();
  client.send(ProxyHarness::get());
  Client backend = proxy.accepted();
  const Instant asked = loop.read_clock();  // at the latest
  while (loop.read_clock() < asked + milliseconds(5)) {
  }
  backend.send("HTTP/1.1 200 OK\r\nX-Slow: ");
  proxy.run();
  loop.timers().advance(asked + seconds(30) + milliseconds(2));
  proxy.run();
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 504 "));
}

TEST(ProxyTimeouts, BreaksOffAnAnswerThatDoesNotGoOn) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  client.send(ProxyHarness::get());
  Client backend = proxy.accepted();
  backend.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  proxy.run();
  EXPECT_THAT(client.read(), EndsWith("half"));
  proxy.engine().advance(seconds(31));
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(proxy.count(Count::ProxyBroken), 1u);
  EXPECT_EQ(proxy.file().in_flight(0), 0u);
}

TEST(ProxyTimeouts, TakesAClientThatHasEndedForGoneAfterAMoment) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  client.send(ProxyHarness::get());
  client.end_sending();
  Client backend = proxy.accepted();
  proxy.engine().advance(milliseconds(900));
  EXPECT_FALSE(client.is_ended());
  proxy.engine().advance(milliseconds(1100));
  EXPECT_TRUE(client.is_ended());
  backend.read();
  EXPECT_TRUE(backend.is_ended());
  EXPECT_EQ(proxy.count(Count::ProxyAbandoned), 1u);
}

TEST(ProxyTimeouts, AnswersAClientThatHasEndedIfItDoesNotTakeLong) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  client.send(ProxyHarness::get());
  client.end_sending();
  Client backend = proxy.accepted();
  backend.send(ProxyHarness::ok());
  proxy.run();
  EXPECT_THAT(client.read(), EndsWith("hello"));
}

TEST(ProxyTimeouts, EndsConnectionsThatAreIdleTooLong) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  Client kept = kept_connection(proxy, client);
  proxy.engine().advance(seconds(29));
  EXPECT_FALSE(kept.is_ended());
  proxy.engine().advance(seconds(32));
  EXPECT_TRUE(kept.is_ended());
}

// What has come and finds no room is not owed by who has sent it.
TEST(ProxyTimeouts, AClientThatPausesIsNotTheFaultOfTheAnswer) {
  Limits limits;
  limits.write_timeout = seconds(60);
  limits.read_rate = {};
  ProxyHarness proxy(1, ProxyHarness::quiet(), limits);
  Client client = proxy.connect();
  client.send(ProxyHarness::get("/big"));
  Client backend = proxy.accepted();
  backend.read();
  constexpr size_t kPiece = 16384;
  constexpr size_t kPieces = 1024;
  const std::string piece(kPiece, 'x');
  backend.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kPieces * kPiece) +
               "\r\n\r\n");
  size_t sent = 0;
  while (sent < kPieces * kPiece) {
    const size_t some = backend.send_some(piece);
    if (some == 0) break;
    sent += some;
    proxy.run();
  }
  ASSERT_LT(sent, kPieces * kPiece) << "the client has taken all of it";
  proxy.engine().advance(seconds(29));
  proxy.engine().advance(seconds(31));
  proxy.engine().advance(seconds(45));
  EXPECT_EQ(proxy.count(Count::ProxyBroken), 0u);
  EXPECT_EQ(proxy.count(Count::UpstreamFailures), 0u);
  EXPECT_GT(client.read().size(), 0u);
  EXPECT_FALSE(client.is_ended());
}

class ProxyQueue : public ::testing::Test {
 protected:
  static UpstreamSettings one_at_a_time() {
    UpstreamSettings settings = ProxyHarness::quiet();
    settings.max_in_flight = 1;
    settings.queue_depth = 2;
    return settings;
  }

  ProxyHarness proxy_{1, one_at_a_time()};
};

TEST_F(ProxyQueue, AsksOneBehindTheOtherOnOneConnection) {
  Client first = proxy_.connect();
  Client second = proxy_.connect();
  first.send(ProxyHarness::get("/1"));
  Client backend = proxy_.accepted();
  second.send(ProxyHarness::get("/2"));
  proxy_.run();
  EXPECT_THAT(backend.read(), StartsWith("GET /1 "));
  EXPECT_EQ(proxy_.file().waiting(), 1u);
  backend.send(ProxyHarness::ok("one"));
  proxy_.run();
  EXPECT_THAT(first.read(), EndsWith("one"));
  EXPECT_THAT(backend.read(), StartsWith("GET /2 "));
  EXPECT_EQ(proxy_.file().waiting(), 0u);
  backend.send(ProxyHarness::ok("two"));
  proxy_.run();
  EXPECT_THAT(second.read(), EndsWith("two"));
  EXPECT_EQ(proxy_.count(Count::ProxyQueued), proxy_.count(Count::ProxyDequeued));
}

// Found in review: no event follows a send that is taken at once, and the client was never read
// from again.
TEST_F(ProxyQueue, ALongUploadThatWaitedGoesOnWhereAConnectionWasKept) {
  Client first = proxy_.connect();
  first.send(ProxyHarness::get("/1"));
  Client backend = proxy_.accepted();
  Client second = proxy_.connect();
  const std::string body = std::string((size_t{1} << 20) - 1, 'x') + '.';
  second.send("POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n");
  size_t said = 0;
  const auto say = [&] {
    said += second.send_some(std::string_view(body).substr(said));
    proxy_.run();
  };
  for (int i = 0; i < 50; ++i) say();
  ASSERT_LT(said, body.size()) << "it is not held back, so this test shows nothing";
  EXPECT_EQ(proxy_.file().waiting(), 1u);
  backend.read();
  backend.send(ProxyHarness::ok());
  proxy_.run();
  proxy_.engine().advance(milliseconds(20));
  std::string came;
  for (int i = 0; i < 1000 && !came.ends_with('.'); ++i) {
    say();
    came += backend.read();
  }
  EXPECT_EQ(said, body.size()) << "nobody reads from the client";
  EXPECT_TRUE(came.starts_with("POST /2 "));
  EXPECT_EQ(came.size() - came.find("\r\n\r\n") - 4, body.size());
  EXPECT_EQ(proxy_.count(Count::UpstreamReuses), 1u) << "on the connection that was kept";
  backend.send(ProxyHarness::ok("taken"));
  proxy_.run();
  EXPECT_THAT(second.read(), EndsWith("taken"));
}

// Who is asked once more waits behind those who have waited longer, and they need not look for the
// place that has become free.
TEST_F(ProxyQueue, WhoIsAskedOnceMoreLetsThoseFirstWhoHaveWaited) {
  Client first = proxy_.connect();
  Client backend = kept_connection(proxy_, first);
  first.send(ProxyHarness::get("/1"));
  proxy_.run();
  Client second = proxy_.connect();
  second.send(ProxyHarness::get("/2"));
  proxy_.run();
  ASSERT_EQ(proxy_.file().waiting(), 1u);
  EXPECT_THAT(backend.read(), StartsWith("GET /1 "));
  backend.close();
  Client fresh = proxy_.accepted();
  EXPECT_THAT(fresh.read(), StartsWith("GET /2 "));
  fresh.send(ProxyHarness::ok("two"));
  proxy_.run();
  EXPECT_THAT(second.read(), EndsWith("two"));
  Client last = proxy_.accepted();
  EXPECT_THAT(last.read(), StartsWith("GET /1 "));
}

TEST_F(ProxyQueue, RefusesMoreThanMayWait) {
  Client clients[] = {proxy_.connect(), proxy_.connect(), proxy_.connect(), proxy_.connect()};
  for (Client& client : clients) client.send(ProxyHarness::get());
  proxy_.run();
  EXPECT_THAT(clients[3].read(),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: 1\r\n")));
  EXPECT_EQ(clients[2].read(), "");
  EXPECT_EQ(proxy_.count(Count::ProxyQueueFull), 1u);
}

TEST_F(ProxyQueue, CountsWhoWaitsInOtherLanes) {
  const uint32_t other = proxy_.join_as_other();
  proxy_.file().lane(other).waiting.store(2);
  Client clients[] = {proxy_.connect(), proxy_.connect()};
  for (Client& client : clients) client.send(ProxyHarness::get());
  proxy_.run();
  EXPECT_THAT(clients[1].read(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ProxyQueue, RefusesWhoHasWaitedTooLong) {
  Client first = proxy_.connect();
  Client second = proxy_.connect();
  first.send(ProxyHarness::get());
  second.send(ProxyHarness::get());
  proxy_.run();
  proxy_.engine().advance(milliseconds(4900));
  EXPECT_EQ(second.read(), "");
  proxy_.engine().advance(milliseconds(5100));
  EXPECT_THAT(second.read(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(proxy_.count(Count::ProxyQueueTimeouts), 1u);
  EXPECT_EQ(proxy_.file().waiting(), 0u);
}

TEST_F(ProxyQueue, ForgetsWhoHasGone) {
  Client first = proxy_.connect();
  first.send(ProxyHarness::get("/1"));
  Client backend = proxy_.accepted();
  {
    Client gone = proxy_.connect();
    gone.send(ProxyHarness::get("/gone"));
    proxy_.run();
    EXPECT_EQ(proxy_.file().waiting(), 1u);
  }
  proxy_.run();
  EXPECT_EQ(proxy_.file().waiting(), 0u);
  EXPECT_EQ(proxy_.count(Count::ProxyAbandoned), 1u);
}

// Found in review: where the last piece of its body had filled our buffer, its end was forgotten
// with the place that it had waited for.
TEST_F(ProxyQueue, DoesNotForgetThatAClientHasEnded) {
  for (size_t bytes = 32'000; bytes < 32'768; bytes += 16) {  // one of them fills it
    ProxyHarness proxy(1, one_at_a_time());
    Client first = proxy.connect();
    first.send(ProxyHarness::get("/1"));
    Client backend = proxy.accepted();
    Client second = proxy.connect();
    second.send("POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(bytes) +
                "\r\n\r\n" + std::string(bytes, 'x'));
    second.end_sending();
    proxy.run();
    backend.read();
    backend.send(ProxyHarness::ok());
    proxy.run();
    EXPECT_THAT(backend.read(), StartsWith("POST /2 ")) << bytes;
    proxy.engine().advance(milliseconds(500));
    EXPECT_FALSE(second.is_ended()) << bytes;
    proxy.engine().advance(milliseconds(3000));
    EXPECT_TRUE(second.is_ended()) << bytes;
  }
}

// Found in review: who waited was told some milliseconds later, by its own look.
TEST_F(ProxyQueue, IsServedWhereAClientLeavesInTheMiddleOfItsAnswer) {
  Client first = proxy_.connect();
  first.send(ProxyHarness::get("/1"));
  Client backend = proxy_.accepted();
  backend.read();
  backend.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
  proxy_.run();
  EXPECT_THAT(first.read(), EndsWith("begin"));
  Client second = proxy_.connect();
  second.send(ProxyHarness::get("/2"));
  proxy_.run();
  EXPECT_EQ(proxy_.file().waiting(), 1u);
  first.close();
  proxy_.run();
  EXPECT_EQ(proxy_.file().waiting(), 0u);
  EXPECT_THAT(proxy_.accepted().read(), StartsWith("GET /2 "));
}

TEST_F(ProxyQueue, LooksByItselfWhereAnotherProcessHasFreedAPlace) {
  const uint32_t other = proxy_.join_as_other();
  ASSERT_TRUE(proxy_.file().claim(0, proxy_.file().tenant(0).tenant, other, 1));
  Client client = proxy_.connect();
  client.send(ProxyHarness::get());
  proxy_.run();
  EXPECT_EQ(proxy_.file().waiting(), 1u);
  proxy_.file().release(0, other);
  proxy_.engine().advance(milliseconds(20));
  Client backend = proxy_.accepted();
  EXPECT_THAT(backend.read(), StartsWith("GET / "));
}

TEST_F(ProxyQueue, WaitsForSomebodyToServe) {
  proxy_.file().set_state(0, contract::UpstreamState::Starting, 0);
  Client client = proxy_.connect();
  client.send(ProxyHarness::get());
  proxy_.run();
  EXPECT_EQ(client.read(), "");
  proxy_.file().set_state(0, contract::UpstreamState::Serving, 0);
  proxy_.engine().advance(milliseconds(20));
  Client backend = proxy_.accepted();
  EXPECT_THAT(backend.read(), StartsWith("GET / "));
}

TEST(ProxyEjection, LeavesOutWhoFailsAndProbesHim) {
  UpstreamSettings settings;
  settings.slow_start = Duration::zero();
  settings.eject_time = seconds(60);
  ProxyHarness proxy(1, settings);
  proxy.backend().stop();
  for (int i = 0; i < 3; ++i) {
    Client client = proxy.connect();
    client.send(ProxyHarness::get());
    proxy.run();
  }
  EXPECT_EQ(proxy.count(Count::UpstreamEjections), 1u);
  const int64_t until = proxy.file().place(0).ejected_until.load();
  proxy.backend().start();
  proxy.engine().advance(milliseconds(300));
  proxy.engine().advance(milliseconds(700));
  EXPECT_EQ(proxy.count(Count::UpstreamProbes), 1u);
  EXPECT_LT(proxy.file().place(0).ejected_until.load(), until);
}

class ProxyProbe : public ::testing::Test {
 protected:
  static UpstreamSettings settings() {
    UpstreamSettings settings = ProxyHarness::quiet();
    settings.eject_time = seconds(60);
    settings.probe_interval = seconds(1);
    settings.probe = "/healthz";
    return settings;
  }
  // Ejected, and asked whether it is well.
  ProxyProbe() {
    proxy_.backend().stop();
    for (int i = 0; i < 3; ++i) {
      Client client = proxy_.connect();
      client.send(ProxyHarness::get());
      proxy_.run();
    }
    until_ = proxy_.file().place(0).ejected_until.load();
    proxy_.backend().start();
    proxy_.engine().advance(milliseconds(300));
    backend_ = proxy_.accepted();
    EXPECT_THAT(backend_.read(), StartsWith("GET /healthz HTTP/1.1\r\n"));
  }
  // In pieces of one byte: heads come as they like.
  void answer(std::string_view bytes) {
    for (const char byte : bytes) {
      backend_.send_some({&byte, 1});
      proxy_.run();
    }
  }
  bool is_back() { return proxy_.file().place(0).ejected_until.load() < until_; }

  ProxyHarness proxy_{1, settings()};
  Client backend_{UniqueFd()};
  int64_t until_ = 0;
};

TEST_F(ProxyProbe, TakesAGoodAnswer) {
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_TRUE(is_back());
}

TEST_F(ProxyProbe, TakesNoBadAnswer) {
  answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  EXPECT_FALSE(is_back());
}

// Found in review: who said 103 stayed ejected.
TEST_F(ProxyProbe, WaitsForTheAnswerBehindInterimOnes) {
  answer("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
  EXPECT_FALSE(is_back());
  answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(is_back());
}

TEST_F(ProxyProbe, WaitsForNoFloodOfThem) {
  std::string flood;
  for (size_t i = 0; i <= http::kMostInterimResponses; ++i) {
    flood += "HTTP/1.1 103 Early Hints\r\n\r\n";
  }
  backend_.send(flood);
  proxy_.run();
  EXPECT_TRUE(backend_.is_ended());
  EXPECT_FALSE(is_back());
}

TEST(ProxyLeaving, EndsIdleConnectionsToWhoLeaves) {
  ProxyHarness proxy;
  Client client = proxy.connect();
  Client kept = kept_connection(proxy, client);
  proxy.file().set_state(0, contract::UpstreamState::Leaving, 0);
  proxy.engine().advance(milliseconds(300));
  EXPECT_TRUE(kept.is_ended());
}

}  // namespace
}  // namespace sockherd::worker
