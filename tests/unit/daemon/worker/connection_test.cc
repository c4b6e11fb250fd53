#include "daemon/worker/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/unit/daemon/io/loopback.h"
#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kPlain = "GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kPlainClose =
    "GET /plaintext HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

std::string repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

// A handler whose jobs answer when the test says so.
class Later final : public Handler {
 public:
  std::unique_ptr<Job> handle(const Request&, Exchange& exchange) override {
    ++asked;
    waiting = &exchange;
    return std::make_unique<Waiting>(*this);
  }
  void answer(std::string text) {
    Exchange* exchange = std::exchange(waiting, nullptr);
    exchange->answer({.content = std::move(text)});
  }

  Exchange* waiting = nullptr;
  int asked = 0;
  int ended = 0;
  std::string body;

 private:
  class Waiting final : public Job {
   public:
    explicit Waiting(Later& later) : later_(later) {}
    ~Waiting() override { ++later_.ended; }
    void on_body(std::string_view piece) override { later_.body += piece; }
    void on_body_end() override { later_.body += '.'; }

   private:
    Later& later_;
  };
};

Later& add_later(Harness& harness) {
  auto handler = std::make_unique<Later>();
  Later& later = *handler;
  harness.router().add("/later", std::move(handler));
  return later;
}

TEST(Connection, AnswersARequestAndKeepsTheConnection) {
  Harness harness;
  Client client = harness.connect();
  for (int i = 0; i < 3; ++i) {
    const std::string answer = harness.exchange(client, kPlain);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nDate: "));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nHello, World!"));
    EXPECT_THAT(answer, Not(HasSubstr("Connection:")));
  }
  EXPECT_FALSE(client.is_ended());
  EXPECT_EQ(harness.count(Count::Requests), 3u);
  EXPECT_EQ(harness.count(Count::Responses2xx), 3u);
  EXPECT_EQ(harness.count(Count::BytesReceived), 3 * kPlain.size());
  EXPECT_EQ(harness.open_connections(), 1u);
}

TEST(Connection, ServesWhatCameBeforeItWasAccepted) {
  Harness harness;
  Client client = harness.connect();
  EXPECT_THAT(harness.exchange(client, kPlainClose), EndsWith("Hello, World!"));
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(harness.open_connections(), 0u);
  EXPECT_EQ(harness.count(Count::ConnectionsClosed), 1u);
}

TEST(Connection, AnswersARequestThatComesByteByByte) {
  Harness harness;
  Client client = harness.connect();
  for (const char c : kPlain.substr(0, kPlain.size() - 1)) {
    EXPECT_EQ(harness.exchange(client, std::string_view(&c, 1)), "");
  }
  EXPECT_THAT(harness.exchange(client, "\n"), EndsWith("Hello, World!"));
}

TEST(Connection, AnswersAPipelinedBatchInOrder) {
  Harness harness;
  Client client = harness.connect();
  const std::string answer = harness.exchange(
      client, repeat(kPlain, 20) + "GET /whoami HTTP/1.1\r\nHost: h\r\n\r\n" + repeat(kPlain, 20));
  EXPECT_EQ(occurrences(answer, "HTTP/1.1 200 OK"), 41u);
  EXPECT_EQ(occurrences(answer, "Hello, World!"), 40u);
  const std::string_view first_half(answer.data(), answer.find("\"slot\":3"));
  EXPECT_EQ(occurrences(first_half, "Hello, World!"), 20u);
}

TEST(Connection, SplitsABatchAnywhere) {
  const std::string batch = std::string(kPlain) +
                            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" +
                            std::string(kPlain);
  for (size_t split = 1; split < batch.size(); ++split) {
    Harness harness;
    Client client = harness.connect();
    std::string answer = harness.exchange(client, batch.substr(0, split));
    answer += harness.exchange(client, batch.substr(split));
    EXPECT_EQ(occurrences(answer, "HTTP/1.1 200 OK"), 3u) << split;
    EXPECT_THAT(answer, HasSubstr("\r\n\r\nabcdeHTTP/1.1 200")) << split;
  }
}

TEST(Connection, StopsReadingWhileTheClientDoesNotRead) {
  Harness harness;
  Client client = harness.connect();
  const std::string batch = repeat("GET /10k HTTP/1.1\r\nHost: h\r\n\r\n", 100);
  constexpr size_t kRounds = 40;
  std::string unsent;
  for (size_t i = 0; i < kRounds; ++i) unsent += batch;
  while (size_t sent = client.send_some(unsent)) {
    unsent.erase(0, sent);
    harness.run();
  }
  const uint64_t handled = harness.count(Count::Requests);
  EXPECT_LT(handled, kRounds * 100);
  harness.run();
  EXPECT_EQ(harness.count(Count::Requests), handled);
  size_t answers = 0;
  for (int i = 0; i < 4000 && answers < kRounds * 100; ++i) {
    unsent.erase(0, client.send_some(unsent));
    harness.run();
    answers += occurrences(client.read(), "HTTP/1.1 200 OK");
  }
  EXPECT_EQ(answers, kRounds * 100);
}

TEST(Connection, ClosesWhenTheClientReadsNothingForTooLong) {
  Harness harness(Limits{.write_timeout = seconds(60), .read_rate = {}});
  Client client = harness.connect();
  client.send_some(repeat("GET /10k HTTP/1.1\r\nHost: h\r\n\r\n", 1000));
  harness.run();
  harness.advance(seconds(59));
  EXPECT_EQ(harness.open_connections(), 1u);
  harness.advance(seconds(62));
  EXPECT_EQ(harness.open_connections(), 0u);
  EXPECT_EQ(harness.count(Count::WriteTimeouts), 1u);
}

struct ErrorCase {
  const char* name;
  std::string request;
  int status;
  std::optional<Count> counted;
};

class ConnectionErrors : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(ConnectionErrors, AreAnsweredAndEndTheConnection) {
  Harness harness(Limits{.head = {.max_bytes = 2048, .max_target_bytes = 512, .max_fields = 10},
                         .max_body_bytes = 100});
  Client client = harness.connect();
  const std::string answer = harness.exchange(client, GetParam().request);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::to_string(GetParam().status) + " "));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_EQ(occurrences(answer, "\r\nDate: "), 1u);
  EXPECT_TRUE(client.is_ended());
  // Lingers until the client closes, so that what it still sends does not reset the answer.
  EXPECT_EQ(harness.open_connections(), 1u);
  client.send("more");
  harness.run();
  client.close();
  harness.run();
  EXPECT_EQ(harness.open_connections(), 0u);
  EXPECT_EQ(harness.count(GetParam().status < 500 ? Count::Responses4xx : Count::Responses5xx), 1u);
  if (GetParam().counted) {
    EXPECT_EQ(harness.count(*GetParam().counted), 1u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, ConnectionErrors,
    ::testing::Values(
        ErrorCase{"Garbage", "\x16\x03\x01\x02", 400, Count::BadRequests},
        ErrorCase{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400, Count::BadRequests},
        ErrorCase{"BadVersion", "GET / HTTP/1.2.3\r\n\r\n" + std::string(kPlain), 400,
                  Count::BadRequests},
        ErrorCase{"BadChunk",
                  "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
                  Count::BadRequests},
        ErrorCase{"BadChunkNobodyReads",
                  "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
                  Count::BadRequests},
        ErrorCase{"LongBody", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n", 413,
                  Count::BodyTooLarge},
        ErrorCase{"LongChunkedBody",
                  "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                      std::string(101, 'x'),
                  413, Count::BodyTooLarge},
        ErrorCase{"LongTarget", "GET /" + std::string(600, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n",
                  414, Count::TargetTooLong},
        ErrorCase{"LongHead",
                  "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(3000, 'x') + "\r\n\r\n", 431,
                  Count::HeadTooLarge},
        ErrorCase{"ManyFields", "GET / HTTP/1.1\r\nHost: h\r\n" + repeat("A: b\r\n", 10) + "\r\n",
                  431, Count::HeadTooLarge},
        ErrorCase{"OtherExpectation",
                  "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: cake\r\nContent-Length: 1\r\n\r\n",
                  417, std::nullopt},
        ErrorCase{"UnknownMethod", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501, std::nullopt},
        ErrorCase{"Connect", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501, std::nullopt},
        ErrorCase{"OtherCoding",
                  "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501,
                  std::nullopt},
        ErrorCase{"OtherVersion", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, std::nullopt}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(Connection, AnswersTheGoodRequestsBeforeABadOne) {
  Harness harness;
  Client client = harness.connect();
  const std::string answer =
      harness.exchange(client, repeat(kPlain, 2) + "nonsense\r\n\r\n" + std::string(kPlain));
  EXPECT_EQ(occurrences(answer, "HTTP/1.1 200 OK"), 2u);
  EXPECT_EQ(occurrences(answer, "HTTP/1.1 400 "), 1u);
}

TEST(Connection, AnswersWhatDoesNotEndTheConnection) {
  Harness harness;
  Client client = harness.connect();
  EXPECT_THAT(harness.exchange(client, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"),
              StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(harness.exchange(client, "GET /%2e%2e/x HTTP/1.1\r\nHost: h\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(harness.exchange(client, "DELETE /time HTTP/1.1\r\nHost: h\r\n\r\n"),
              HasSubstr("\r\nAllow: GET, HEAD"));
  EXPECT_THAT(harness.exchange(client, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
              StartsWith("HTTP/1.1 204 "));
  EXPECT_THAT(harness.exchange(client, "GET http://h/plaintext?x HTTP/1.1\r\nHost: h\r\n\r\n"),
              EndsWith("Hello, World!"));
}

// Answers with content, whatever the status.
class Talkative final : public Handler {
 public:
  explicit Talkative(int status) : status_(status) {}
  std::unique_ptr<Job> handle(const Request&, Exchange& exchange) override {
    exchange.answer({.status = status_, .content = std::string_view("not wanted")});
    return nullptr;
  }

 private:
  int status_;
};

TEST(Connection, SendsNoContentWhereTheStatusHasNone) {
  Harness harness;
  harness.router().add("/204", std::make_unique<Talkative>(204));
  harness.router().add("/205", std::make_unique<Talkative>(205));
  harness.router().add("/304", std::make_unique<Talkative>(304));
  EXPECT_THAT(harness.get("/204"), AllOf(EndsWith("\r\n\r\n"), Not(HasSubstr("Content-Length"))));
  EXPECT_THAT(harness.get("/304"), AllOf(EndsWith("\r\n\r\n"), Not(HasSubstr("Content-Length"))));
  EXPECT_THAT(harness.get("/205"), AllOf(EndsWith("\r\n\r\n"), HasSubstr("Content-Length: 0\r\n")));
}

TEST(Connection, SendsNoContentForHead) {
  Harness harness;
  Client client = harness.connect();
  const std::string answer =
      harness.exchange(client, "HEAD /plaintext HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 13\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  EXPECT_THAT(harness.exchange(client, "HEAD /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"),
              EndsWith("\r\n\r\n"));
  EXPECT_THAT(harness.exchange(client, kPlain), EndsWith("Hello, World!"));
}

TEST(Connection, KeepsAnHttp10ConnectionOnlyWhenAsked) {
  Harness harness;
  Client client = harness.connect();
  const std::string kept =
      harness.exchange(client, "GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(kept, HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_FALSE(client.is_ended());
  const std::string last = harness.exchange(client, "GET /plaintext HTTP/1.0\r\n\r\n");
  EXPECT_THAT(last, EndsWith("Hello, World!"));
  EXPECT_TRUE(client.is_ended());
}

TEST(Connection, AnswersAClientThatHasEndedItsSide) {
  Harness harness;
  Client client = harness.connect();
  client.send(kPlain);
  client.end_sending();
  harness.run();
  EXPECT_THAT(client.read(), EndsWith("Hello, World!"));
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(harness.open_connections(), 0u);
}

TEST(Connection, ForgetsAClientThatHangsUp) {
  for (const std::string_view sent :
       {std::string_view(""), std::string_view("GET / HT"),
        std::string_view("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"),
        std::string_view("GET /io HTTP/1.1\r\nHost: h\r\n\r\n")}) {
    Harness harness;
    Client client = harness.connect();
    if (!sent.empty()) client.send(sent);
    harness.run();
    client.close();
    harness.run();
    EXPECT_EQ(harness.open_connections(), 0u) << sent;
    harness.advance(seconds(1000));
  }
}

// --- Bodies

TEST(Connection, GivesTheBodyToTheHandler) {
  Harness harness;
  Client client = harness.connect();
  EXPECT_THAT(
      harness.exchange(client, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde"),
      EndsWith("\r\n\r\nabcde"));
  EXPECT_EQ(harness.exchange(
                client, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "");
  EXPECT_EQ(harness.exchange(client, "3\r\nabc\r\n"), "");
  EXPECT_THAT(harness.exchange(client, "0\r\nTrailer: x\r\n\r\n"), EndsWith("\r\n\r\nabc"));
}

TEST(Connection, EndsTheBodyOfARequestThatHasNone) {
  Harness harness;
  Client client = harness.connect();
  EXPECT_THAT(harness.exchange(client, "POST /echo HTTP/1.1\r\nHost: h\r\n\r\n"),
              HasSubstr("\r\nContent-Length: 0\r\n"));
}

TEST(Connection, TakesABodyLongerThanItsBuffer) {
  Harness harness(Limits{.max_body_bytes = 1 << 20});
  Client client = harness.connect();
  const std::string body = repeat("0123456789abcdef", 50'000);
  std::string unsent =
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  while (!unsent.empty()) {
    unsent.erase(0, client.send_some(unsent));
    harness.run();
  }
  std::string answer;
  for (int i = 0; i < 100; ++i) {
    answer += client.read();
    harness.run();
  }
  EXPECT_THAT(answer, EndsWith(body));
}

TEST(Connection, DropsABodyThatNobodyWants) {
  Harness harness;
  Client client = harness.connect();
  const std::string head = "GET /plaintext HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
  const std::string answer = harness.exchange(client, head + "0123456789" + head + "01234");
  EXPECT_EQ(occurrences(answer, "Hello, World!"), 2u);
  EXPECT_THAT(harness.exchange(client, "56789" + std::string(kPlain)), EndsWith("Hello, World!"));
}

TEST(Connection, AsksForTheBodyOnlyWhenItIsWanted) {
  Harness harness;
  Client wanted = harness.connect();
  const std::string expect = "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  EXPECT_EQ(harness.exchange(wanted, "POST /echo HTTP/1.1\r\nHost: h\r\n" + expect),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(harness.exchange(wanted, "abc"), EndsWith("\r\n\r\nabc"));
  EXPECT_EQ(harness.count(Count::Responses1xx), 1u);

  // Nobody can know whether such a client sends its body after the answer, so the connection ends.
  Client unwanted = harness.connect();
  const std::string answer =
      harness.exchange(unwanted, "POST /time HTTP/1.1\r\nHost: h\r\n" + expect);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(unwanted.is_ended());
}

TEST(Connection, DoesNotAskForABodyThatIsThere) {
  Harness harness;
  Client client = harness.connect();
  EXPECT_THAT(harness.exchange(client,
                               "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                               "Content-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 200 OK"));
}

TEST(Connection, AsksAnHttp10ClientForTheLengthOfItsBody) {
  Harness harness;
  Client client = harness.connect();
  EXPECT_THAT(harness.exchange(client, "POST /echo HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 411 "));
}

// --- Jobs

TEST(Connection, WaitsForAJobAndKeepsTheOrder) {
  Harness harness;
  Later& later = add_later(harness);
  Client client = harness.connect();
  const std::string before = harness.exchange(
      client, std::string(kPlain) + "GET /later HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kPlain));
  EXPECT_EQ(occurrences(before, "HTTP/1.1 200 OK"), 1u);
  later.answer("at last");
  harness.run();
  const std::string after = client.read();
  EXPECT_EQ(occurrences(after, "HTTP/1.1 200 OK"), 2u);
  EXPECT_THAT(after, HasSubstr("\r\n\r\nat lastHTTP/1.1 200 OK"));
  EXPECT_EQ(later.ended, 1);
}

TEST(Connection, EndsTheJobOfAClientThatHangsUp) {
  Harness harness;
  Later& later = add_later(harness);
  Client client = harness.connect();
  harness.exchange(client, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(later.ended, 0);
  client.close();
  harness.run();
  EXPECT_EQ(later.ended, 1);
  EXPECT_EQ(harness.open_connections(), 0u);
}

TEST(Connection, AnswersALaterJobOfAClientThatHasEndedItsSide) {
  Harness harness;
  Later& later = add_later(harness);
  Client client = harness.connect();
  client.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  client.end_sending();
  harness.run();
  ASSERT_EQ(later.ended, 0);
  later.answer("still there");
  harness.run();
  EXPECT_THAT(client.read(), EndsWith("still there"));
  EXPECT_EQ(harness.open_connections(), 0u);
}

TEST(Connection, LetsAJobAnswerBeforeTheBodyIsThere) {
  Harness harness;
  Later& later = add_later(harness);
  Client client = harness.connect();
  harness.exchange(client, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
  later.answer("enough");
  harness.run();
  EXPECT_THAT(client.read(), EndsWith("enough"));
  EXPECT_EQ(harness.exchange(client, "def"), "");
  EXPECT_EQ(later.body, "abc");
  EXPECT_EQ(later.ended, 1);
  EXPECT_THAT(harness.exchange(client, kPlain), EndsWith("Hello, World!"));
}

TEST(Connection, WaitsWithoutHoldingUpTheLoop) {
  Harness harness;
  Client slow = harness.connect();
  EXPECT_EQ(harness.exchange(slow, "GET /io HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  EXPECT_THAT(harness.get("/plaintext"), EndsWith("Hello, World!"));
  harness.advance(seconds(1));  // the clock has gone on meanwhile
  EXPECT_THAT(slow.read(), HasSubstr("Waited 5 ms"));
}

// --- Deadlines

TEST(Connection, AnswersA408WhenTheHeadTakesTooLong) {
  Harness harness(Limits{.header_timeout = seconds(10)});
  Client client = harness.connect();
  harness.exchange(client, "GET / HTTP/1.1\r\nHo");
  harness.advance(seconds(9));
  EXPECT_EQ(client.read(), "");
  harness.advance(seconds(11));
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(harness.count(Count::HeaderTimeouts), 1u);
}

TEST(Connection, AnswersA408WhenTheBodyMakesNoProgress) {
  Harness harness(Limits{.body_timeout = seconds(10)});
  Client client = harness.connect();
  harness.exchange(client, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  harness.advance(seconds(11));
  EXPECT_THAT(client.read(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(harness.count(Count::BodyTimeouts), 1u);
}

TEST(Connection, ClosesAnIdleConnectionSilently) {
  Harness harness(Limits{.header_timeout = seconds(10), .keepalive_timeout = seconds(60)});
  Client silent = harness.connect();
  Client idle = harness.connect();
  harness.exchange(idle, kPlain);
  harness.advance(seconds(12));
  EXPECT_TRUE(silent.is_ended());  // never said a word
  EXPECT_FALSE(idle.is_ended());
  harness.advance(seconds(61));
  EXPECT_EQ(idle.read(), "");
  EXPECT_TRUE(idle.is_ended());
  EXPECT_EQ(harness.count(Count::KeepaliveTimeouts), 2u);
  silent.close();
  idle.close();
  harness.run();
  EXPECT_EQ(harness.open_connections(), 0u);
}

TEST(Connection, ServesARequestThatComesInTheMomentOfTheIdleTimeout) {
  Harness harness(Limits{.keepalive_timeout = seconds(60)});
  Client client = harness.connect();
  harness.exchange(client, kPlain);
  client.send(kPlain);
  harness.advance(seconds(61));
  EXPECT_THAT(client.read(), EndsWith("Hello, World!"));
}

TEST(Connection, EndsTheLingeringAfterAWhile) {
  Harness harness;
  Client client = harness.connect();
  harness.exchange(client, "nonsense\r\n\r\n");
  EXPECT_EQ(harness.open_connections(), 1u);
  harness.advance(seconds(3));
  EXPECT_EQ(harness.open_connections(), 0u);
}

// --- Full, and draining

TEST(Connection, RefusesWith503AndWhenToComeBack) {
  Harness harness;
  Client client = harness.connect_refused();
  client.send_some(kPlain);
  harness.run();
  const std::string answer = client.read();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_EQ(occurrences(answer, "HTTP/1.1 "), 1u);
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(harness.count(Count::ConnectionsRefused), 1u);
}

TEST(Connection, DrainAnswersWhatIsInFlightAndSaysThatItCloses) {
  Harness harness;
  Client client = harness.connect();
  harness.exchange(client, "GET /plaintext HTTP/1.1\r\nHo");
  harness.drain();
  const std::string answer = harness.exchange(client, "st: h\r\n\r\n");
  EXPECT_THAT(answer, EndsWith("Hello, World!"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  client.close();
  harness.run();
  EXPECT_EQ(harness.open_connections(), 0u);
}

TEST(Connection, DrainAnswersAllThatIsPipelinedAndClosesWithTheLast) {
  Harness harness;
  Client client = harness.connect();
  harness.exchange(client, kPlain);
  harness.drain();
  const std::string answer = harness.exchange(client, repeat(kPlain, 5));
  EXPECT_EQ(occurrences(answer, "Hello, World!"), 5u);
  EXPECT_EQ(occurrences(answer, "Connection: close"), 1u);
  EXPECT_GT(answer.find("Connection: close"), answer.rfind("HTTP/1.1 200 OK"));
  EXPECT_TRUE(client.is_ended());
}

TEST(Connection, DrainAnswersAConnectionThatHasSaidNothingYet) {
  Harness harness;
  Client client = harness.connect();
  harness.drain();
  harness.advance(seconds(2));
  const std::string answer = harness.exchange(client, kPlain);
  EXPECT_THAT(answer, EndsWith("Hello, World!"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
}

TEST(Connection, DrainDoesNotWaitLongForASilentClient) {
  Harness harness;
  Client client = harness.connect();
  harness.drain();
  harness.advance(milliseconds(3100));
  EXPECT_TRUE(client.is_ended());
  harness.advance(milliseconds(4200));  // also if it does not close
  EXPECT_EQ(harness.open_connections(), 0u);
}

TEST(Connection, DrainEndsAnIdleConnectionAfterAGrace) {
  Harness harness;
  Client client = harness.connect();
  harness.exchange(client, kPlain);
  harness.drain();
  harness.advance(milliseconds(400));
  EXPECT_FALSE(client.is_ended());
  harness.advance(milliseconds(900));
  EXPECT_TRUE(client.is_ended());
  client.close();
  harness.run();
  EXPECT_EQ(harness.open_connections(), 0u);
  EXPECT_EQ(harness.count(Count::KeepaliveTimeouts), 0u);
}

TEST(Connection, DrainWaitsAsLongAsItIsTold) {
  Harness harness(Limits{.drain_idle = seconds(5)});
  Client client = harness.connect();
  harness.exchange(client, kPlain);
  harness.drain();
  harness.advance(milliseconds(4900));
  EXPECT_THAT(harness.exchange(client, kPlain), HasSubstr("\r\nConnection: close\r\n"));
}

TEST(Connection, DrainClosesIdleConnectionsOverAWindow) {
  Harness harness(Limits{.drain_idle = seconds(1), .drain_spread = seconds(10)});
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(harness.connect());
    harness.exchange(clients.back(), kPlain);
  }
  harness.service().phase = ServicePhase::Draining;
  double place = 0;
  harness.service().connections.for_each([&place](Peer& connection) {
    connection.drain(place / 10);
    place += 1;
  });
  for (int second = 0; second < 10; ++second) {
    harness.advance(milliseconds(1000 * second + 1100));
    const auto ended = std::count_if(clients.begin(), clients.end(),
                                     [](Client& client) { return client.is_ended(); });
    EXPECT_EQ(ended, second + 1);
  }
}

// One reset would take from the client what it has not read yet of the last answer.
TEST(Connection, ReadsOnAfterTheEndOfAnIdleConnectionSoThatNoResetFollows) {
  Harness harness;
  const UniqueFd listener = io::listen_on_loopback();
  UniqueFd peer = io::connect_to(listener.get());
  Client client(std::move(peer));
  UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  Connection::start(harness.service(), std::move(accepted));
  client.send(kPlain);
  harness.run();
  harness.drain();
  harness.advance(milliseconds(900));
  client.send(kPlain);  // has not looked: the end of the stream has been there for a while
  harness.run();
  int error = 0;
  socklen_t size = sizeof error;
  ASSERT_EQ(::getsockopt(client.fd(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
  EXPECT_EQ(error, 0);
  EXPECT_EQ(occurrences(client.read(), "Hello, World!"), 1u);
  EXPECT_TRUE(client.is_ended());
  harness.advance(seconds(3));
  EXPECT_EQ(harness.open_connections(), 0u);
}

TEST(Connection, DrainServesARequestThatComesAtTheEndOfTheGrace) {
  Harness harness;
  Client client = harness.connect();
  harness.exchange(client, kPlain);
  harness.drain();
  client.send(kPlain);
  harness.advance(milliseconds(900));
  EXPECT_THAT(client.read(), HasSubstr("Hello, World!"));
}

TEST(Connection, DrainWaitsForAJob) {
  Harness harness;
  Later& later = add_later(harness);
  Client client = harness.connect();
  harness.exchange(client, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  harness.drain();
  harness.advance(seconds(20));
  later.answer("done");
  harness.run();
  const std::string answer = client.read();
  EXPECT_THAT(answer, EndsWith("done"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
}

TEST(Connection, CountsTheLatencyOfEveryAnswer) {
  Harness harness;
  Client client = harness.connect();
  harness.exchange(client, repeat(kPlain, 7));
  uint64_t observed = 0;
  for (const auto& bucket : harness.service().counters.latency) observed += bucket.load();
  EXPECT_EQ(observed, 7u);
}

TEST(Connection, HoldsNoBufferWhileIdle) {
  Harness harness;
  BufferPool& pool = harness.service().buffers;
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(harness.connect());
    harness.exchange(clients.back(), kPlain);
  }
  // One block for input and one for output have served all of them, and wait for the next one.
  EXPECT_LE(pool.blocks_in_use(), 2u);
  harness.exchange(clients[0], "GET /plain");
  EXPECT_EQ(pool.blocks_in_use(), 1u);
  harness.exchange(clients[1], "GET /plain");
  EXPECT_EQ(pool.blocks_in_use(), 2u);
}

}  // namespace
}  // namespace sockherd::worker
