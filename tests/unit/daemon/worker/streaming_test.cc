// Bodies that come and answers that go piece by piece, with back-pressure both ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// What a source shall make, filled by the test while it runs.
struct Script {
  std::string text;
  bool ended = false;
  bool failed = false;
  std::optional<uint64_t> size;
  std::vector<http::Field> trailers;
  Exchange* exchange = nullptr;
  bool is_destroyed = false;
  size_t read = 0;  // bytes taken by the connection
};

class ScriptedSource final : public Source {
 public:
  explicit ScriptedSource(Script& script) : script_(script) {}
  ~ScriptedSource() override { script_.is_destroyed = true; }

  Piece read(std::span<char> room) override {
    const size_t bytes = std::min(room.size(), script_.text.size());
    std::copy_n(script_.text.data(), bytes, room.data());
    script_.text.erase(0, bytes);
    script_.read += bytes;
    if (!script_.text.empty()) return {bytes, State::More};
    if (script_.failed) return {bytes, State::Failed};
    return {bytes, script_.ended ? State::Ended : State::Waiting};
  }
  std::optional<uint64_t> size() const override { return script_.size; }
  std::span<const http::Field> trailers() const override { return script_.trailers; }

 private:
  Script& script_;
};

class Streams final : public Handler {
 public:
  explicit Streams(Script& script) : script_(script) {}
  std::unique_ptr<Job> handle(const Request&, Exchange& exchange) override {
    script_.exchange = &exchange;
    exchange.answer({.content = std::make_unique<ScriptedSource>(script_)});
    return nullptr;
  }

 private:
  Script& script_;
};

class Streaming : public ::testing::Test {
 protected:
  Streaming() { harness_.router().add("/stream", std::make_unique<Streams>(script_)); }

  std::string get(std::string_view version = "HTTP/1.1", std::string_view method = "GET") {
    return harness_.exchange(client_, request(version, method));
  }
  static std::string request(std::string_view version, std::string_view method = "GET") {
    return std::string(method) + " /stream " + std::string(version) + "\r\nHost: h\r\n\r\n";
  }

  Script script_;
  Harness harness_{Limits{.write_timeout = seconds(60)}};
  Client client_ = harness_.connect();
};

constexpr std::string_view kPlain = "GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(Streaming, SendsContentOfUnknownLengthInChunks) {
  script_.text = "hello";
  script_.ended = true;
  const std::string answer = get();
  EXPECT_THAT(answer, HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
  EXPECT_TRUE(script_.is_destroyed);
  EXPECT_THAT(harness_.exchange(client_, kPlain), EndsWith("Hello, World!"));
}

TEST_F(Streaming, SendsContentOfKnownLengthAsItIs) {
  script_.text = "hello";
  script_.ended = true;
  script_.size = 5;
  const std::string answer = get();
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
}

TEST_F(Streaming, SendsNothingForHead) {
  script_.text = "hello";
  script_.ended = true;
  const std::string answer = get("HTTP/1.1", "HEAD");
  EXPECT_THAT(answer, HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  EXPECT_EQ(script_.read, 0u);
  EXPECT_TRUE(script_.is_destroyed);
}

// RFC 9112 section 6.3: HTTP/1.0 knows no chunks, so the end of the connection is the end.
TEST_F(Streaming, EndsTheConnectionOfAnHttp10Client) {
  script_.text = "hello";
  script_.ended = true;
  client_.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  harness_.run();
  const std::string answer = client_.read();
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
  EXPECT_TRUE(client_.is_ended());
}

TEST_F(Streaming, SendsTrailersBehindTheLastChunk) {
  script_.text = "hello";
  script_.ended = true;
  script_.trailers = {http::Field{"X-Sum", "42"}};
  EXPECT_THAT(get(), EndsWith("5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n"));
}

TEST_F(Streaming, WaitsForTheSourceAndKeepsTheOrder) {
  EXPECT_THAT(harness_.exchange(client_, request("HTTP/1.1") + std::string(kPlain)),
              EndsWith("\r\n\r\n"));
  script_.text = "one";
  script_.exchange->content_ready();
  EXPECT_EQ(client_.read(), "3\r\none\r\n");
  harness_.advance(seconds(600));  // it is not the client that takes long
  script_.text = "two";
  script_.ended = true;
  script_.exchange->content_ready();
  const std::string rest = client_.read();
  EXPECT_THAT(rest, testing::StartsWith("3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(rest, EndsWith("Hello, World!"));
}

TEST_F(Streaming, BreaksTheConnectionWhereTheSourceFails) {
  script_.text = "hel";
  script_.failed = true;
  EXPECT_THAT(get(), Not(EndsWith("0\r\n\r\n")));
  EXPECT_TRUE(client_.is_ended());
  EXPECT_EQ(harness_.open_connections(), 0u);
}

TEST_F(Streaming, BreaksTheConnectionWhereTheSourceMakesLessThanItSaid) {
  script_.text = "hell";
  script_.ended = true;
  script_.size = 5;
  get();
  EXPECT_TRUE(client_.is_ended());
}

TEST_F(Streaming, BreaksTheConnectionWhereTheSourceMakesMoreThanItSaid) {
  script_.text = "hello!";
  script_.ended = true;
  script_.size = 5;
  EXPECT_THAT(get(), Not(HasSubstr("!")));
  EXPECT_TRUE(client_.is_ended());
}

TEST_F(Streaming, ReadsFromTheSourceNoFasterThanTheClient) {
  script_.text.assign(16 << 20, 'x');
  script_.ended = true;
  script_.size = script_.text.size();
  client_.send(request("HTTP/1.1"));
  harness_.run();
  EXPECT_LT(script_.read, size_t{4} << 20);
  std::string all;
  for (int i = 0; i < 4000 && !script_.is_destroyed; ++i) {
    all += client_.read();
    harness_.run();
  }
  all += client_.read();
  EXPECT_EQ(all.size() - all.find("\r\n\r\n") - 4, size_t{16} << 20);
}

TEST_F(Streaming, ForgetsTheSourceOfAClientThatHangsUp) {
  client_.send(request("HTTP/1.1"));
  harness_.run();
  EXPECT_FALSE(script_.is_destroyed);
  client_.close();
  harness_.run();
  EXPECT_TRUE(script_.is_destroyed);
  EXPECT_EQ(harness_.open_connections(), 0u);
}

// --- Bodies

// Takes a body while the test lets it.
class Takes final : public Handler {
 public:
  std::unique_ptr<Job> handle(const Request&, Exchange& exchange) override {
    exchange_ = &exchange;
    return std::make_unique<Taking>(*this);
  }
  void resume() {
    is_paused = false;
    exchange_->resume_body();
  }

  bool is_paused = true;
  size_t taken = 0;

 private:
  class Taking final : public Job {
   public:
    explicit Taking(Takes& takes) : takes_(takes) {}
    void on_body(std::string_view piece) override {
      takes_.taken += piece.size();
      if (takes_.is_paused) takes_.exchange_->pause_body();
    }
    void on_body_end() override {
      takes_.exchange_->answer({.content = std::to_string(takes_.taken)});
    }

   private:
    Takes& takes_;
  };
  Exchange* exchange_ = nullptr;
};

TEST_F(Streaming, ReadsNoMoreOfABodyThanIsTaken) {
  Harness harness(Limits{.max_body_bytes = 64 << 20, .body_timeout = seconds(10)});
  auto handler = std::make_unique<Takes>();
  Takes& takes = *handler;
  harness.router().add("/take", std::move(handler));
  Client client = harness.connect();
  constexpr size_t kSize = 8 << 20;
  std::string unsent =
      "POST /take HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n" +
      std::string(kSize, 'x');
  for (int i = 0; i < 100; ++i) {
    unsent.erase(0, client.send_some(unsent));
    harness.run();
  }
  EXPECT_LT(takes.taken, size_t{1} << 20);
  harness.advance(seconds(600));  // it is not the client that takes long
  EXPECT_EQ(client.read(), "");
  takes.resume();
  for (int i = 0; i < 4000 && !unsent.empty(); ++i) {
    unsent.erase(0, client.send_some(unsent));
    harness.run();
  }
  for (int i = 0; i < 100; ++i) harness.run();  // what the sockets hold
  EXPECT_THAT(client.read(), EndsWith("\r\n\r\n" + std::to_string(kSize)));
}

// --- Rates

TEST(Rates, EndABodyThatComesInDrips) {
  Harness harness(Limits{.body_timeout = seconds(30),
                         .body_rate = {.bytes_per_second = 100, .grace = seconds(5)}});
  Client client = harness.connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  harness.run();
  for (int second = 1; second < 5; ++second) {
    client.send("x");
    harness.run();
    harness.advance(seconds(second));
    EXPECT_EQ(client.read(), "") << second;
  }
  harness.advance(seconds(7));
  EXPECT_THAT(client.read(), HasSubstr("HTTP/1.1 408 "));
  EXPECT_EQ(harness.count(Count::SlowBodies), 1u);
}

TEST(Rates, CountWhatCameTogetherWithTheHead) {
  Harness harness(Limits{.body_timeout = seconds(30),
                         .body_rate = {.bytes_per_second = 100, .grace = seconds(5)}});
  Client client = harness.connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n\r\n" +
              std::string(2000, 'x'));
  harness.run();
  harness.advance(seconds(24));  // it has earned as many
  EXPECT_EQ(client.read(), "");
  harness.advance(seconds(26));
  EXPECT_THAT(client.read(), HasSubstr("HTTP/1.1 408 "));
  EXPECT_EQ(harness.count(Count::SlowBodies), 1u);
}

TEST(Rates, EndAClientThatReadsInDrips) {
  Harness harness(Limits{.write_timeout = seconds(30),
                         .read_rate = {.bytes_per_second = 100'000'000, .grace = seconds(5)}});
  Client client = harness.connect();
  std::string batch;
  for (int i = 0; i < 500; ++i) batch += "GET /10k HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send_some(batch);
  harness.run();
  harness.advance(seconds(4));
  EXPECT_EQ(harness.open_connections(), 1u);
  std::array<char, 100> drip;
  EXPECT_EQ(::recv(client.fd(), drip.data(), drip.size(), 0), 100);
  harness.advance(seconds(7));
  EXPECT_EQ(harness.open_connections(), 0u);
  EXPECT_EQ(harness.count(Count::SlowReads), 1u);
}

// The socket takes megabytes, and nothing more for minutes, while the client reads all the time.
TEST(Rates, KeepAClientThatReadsSteadily) {
  Script script{.text = std::string(16 << 20, 'x'), .ended = true};
  Harness harness(Limits{.write_timeout = seconds(10),
                         .read_rate = {.bytes_per_second = 10, .grace = seconds(5)}});
  harness.router().add("/stream", std::make_unique<Streams>(script));
  Client client = harness.connect();
  client.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  harness.run();
  std::array<char, 65536> piece;  // the kernel tells of whole packets
  for (int second = 4; second < 60; second += 4) {
    EXPECT_GT(::recv(client.fd(), piece.data(), piece.size(), 0), 0);
    harness.advance(seconds(second));
    EXPECT_EQ(harness.open_connections(), 1u) << second;
  }
}

TEST(Rates, EndAConnectionAfterSoManyRequests) {
  Harness harness(Limits{.connection_requests = 3});
  Client client = harness.connect();
  EXPECT_THAT(harness.exchange(client, kPlain), Not(HasSubstr("Connection: close")));
  EXPECT_THAT(harness.exchange(client, kPlain), Not(HasSubstr("Connection: close")));
  EXPECT_THAT(harness.exchange(client, kPlain), HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(harness.count(Count::RequestsExhausted), 1u);
}

}  // namespace
}  // namespace sockherd::worker
