// What is refused stands in docs/http.md (decisions_test.cc); here is what a good head comes to.
#include "daemon/http/response_head.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::http {
namespace {

// Keeps the bytes that the views of the head point into.
struct Parsed {
  std::string bytes;
  ParseResult result;
  ReceivedHead head;
};

std::unique_ptr<Parsed> parse(std::string bytes, const AskedFor& asked = {},
                              const ResponseLimits& limits = {}) {
  auto parsed = std::make_unique<Parsed>();
  parsed->bytes = std::move(bytes);
  size_t scanned = 0;
  parsed->result = parse_response_head(parsed->bytes, limits, asked, parsed->head, scanned);
  return parsed;
}

// The names of the fields that end here.
std::vector<std::string> hop_by_hop(const ReceivedHead& head) {
  std::vector<std::string> names;
  for (size_t i = 0; i < head.field_count; ++i) {
    if ((head.hop_by_hop[i / 64] >> i % 64 & 1U) != 0) names.emplace_back(head.storage[i].name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(ResponseHead, ReadsAUsualHead) {
  const std::string bytes =
      "HTTP/1.1 200 OK then\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 3\r\n"
      "Content-Type:\ttext/plain \r\n\r\nabc";
  const auto parsed = parse(bytes);
  ASSERT_EQ(parsed->result.state, ParseState::Complete) << parsed->result.reason;
  EXPECT_EQ(parsed->result.consumed, bytes.size() - 3);
  const ReceivedHead& head = parsed->head;
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.reason_phrase, "OK then");
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.framing, Framing::Length);
  EXPECT_EQ(head.content_length, 3U);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.has_date);
  EXPECT_FALSE(head.is_interim());
  EXPECT_EQ(head.field("content-TYPE"), "text/plain");
  EXPECT_EQ(head.field("absent").data(), nullptr);
  EXPECT_TRUE(head.field_lines.starts_with("Date: "));
  EXPECT_TRUE(head.field_lines.ends_with("text/plain \r\n"));
  EXPECT_EQ(hop_by_hop(head), Names{"Content-Length"});
}

TEST(ResponseHead, MarksWhatEndsHere) {
  const auto parsed = parse(
      "HTTP/1.1 200 OK\r\nConnection: X-A, close\r\nX-B: 1\r\nKeep-Alive: timeout=5\r\n"
      "proxy-connection: a\r\nConnection: date\r\nx-a: 1\r\nDate: 2\r\nUpgrade: h2c\r\n"
      "Transfer-Encoding: chunked\r\nProxy-Authenticate: Basic\r\n\r\n");
  ASSERT_EQ(parsed->result.state, ParseState::Complete) << parsed->result.reason;
  EXPECT_EQ(hop_by_hop(parsed->head),
            (Names{"Connection", "Keep-Alive", "proxy-connection", "Connection", "x-a", "Date",
                   "Upgrade", "Transfer-Encoding", "Proxy-Authenticate"}));
  EXPECT_FALSE(parsed->head.has_date) << "it ends here: the client gets ours";
  EXPECT_FALSE(parsed->head.keep_alive);
}

TEST(ResponseHead, KeepsUpgradeWhereItIsWhatTheResponseSays) {
  const std::string fields = "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  const auto switched = parse("HTTP/1.1 101 A\r\n" + fields, {.upgrade = true});
  ASSERT_EQ(switched->result.state, ParseState::Complete) << switched->result.reason;
  EXPECT_EQ(hop_by_hop(switched->head), Names{"Connection"});
  EXPECT_FALSE(switched->head.is_interim());
  EXPECT_FALSE(switched->head.keep_alive);
  const auto required = parse("HTTP/1.1 426 A\r\n" + fields);
  EXPECT_EQ(hop_by_hop(required->head), Names{"Connection"});
}

TEST(ResponseHead, RefusesWhatItCannotKnowTheEndOf) {
  std::string options;
  for (int i = 0; i < 17; ++i) options += "x-" + std::to_string(i) + ",";
  const auto parsed = parse("HTTP/1.1 200 OK\r\nConnection: " + options + "\r\n\r\n");
  ASSERT_EQ(parsed->result.state, ParseState::Refused);
  EXPECT_STREQ(parsed->result.reason, "too many Connection options");
}

TEST(ResponseHead, IsBoundedInBytesAndFields) {
  const std::string head = "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n";
  EXPECT_EQ(parse(head, {}, {.max_bytes = head.size()})->result.state, ParseState::Complete);
  const auto longer = parse(head, {}, {.max_bytes = head.size() - 1});
  ASSERT_EQ(longer->result.state, ParseState::Refused);
  EXPECT_STREQ(longer->result.reason, "response head too long");
  EXPECT_EQ(longer->result.status, 502);
  EXPECT_EQ(parse(head, {}, {.max_fields = 2})->result.state, ParseState::Complete);
  EXPECT_STREQ(parse(head, {}, {.max_fields = 1})->result.reason, "too many fields");
  // Without an end in sight it is refused when the limit is full, not before.
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nA: ", {}, {.max_bytes = 21})->result.state,
            ParseState::Incomplete);
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nA: b", {}, {.max_bytes = 21})->result.state,
            ParseState::Refused);
}

TEST(ResponseHead, MayHaveAsManyFieldsAsThereIsRoomFor) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (size_t i = 0; i < ReceivedHead::kMaxFields; ++i) head += "Keep-Alive: a\r\n";
  const auto full = parse(head + "\r\n", {}, {.max_fields = 1000});
  ASSERT_EQ(full->result.state, ParseState::Complete);
  EXPECT_EQ(hop_by_hop(full->head).size(), ReceivedHead::kMaxFields);
  EXPECT_EQ(parse(head + "Connection: a\r\n\r\n", {}, {.max_fields = 1000})->result.state,
            ParseState::Refused);
}

TEST(ResponseHead, IsReadOnFromWhereItWas) {
  const std::string bytes =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
  ReceivedHead head;
  size_t scanned = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto result =
        parse_response_head(std::string_view(bytes).substr(0, size), {}, {}, head, scanned);
    ASSERT_EQ(result.state, ParseState::Incomplete) << size;
    EXPECT_LE(scanned, size);
  }
  EXPECT_GT(scanned, bytes.size() - 4) << "the search goes on at the line that is unfinished";
  ASSERT_EQ(parse_response_head(bytes, {}, {}, head, scanned).state, ParseState::Complete);
  EXPECT_EQ(head.framing, Framing::Chunked);
  EXPECT_FALSE(head.keep_alive);
}

TEST(ResponseHead, ForgetsTheOneBefore) {
  const auto parsed =
      parse("HTTP/1.0 404 A\r\nContent-Length: 7\r\nConnection: close\r\nDate: b\r\n\r\n");
  ASSERT_EQ(parsed->result.state, ParseState::Complete);
  size_t scanned = 0;
  const std::string next = "HTTP/1.1 204\r\nA: b\r\n\r\n";
  ASSERT_EQ(parse_response_head(next, {}, {}, parsed->head, scanned).state, ParseState::Complete);
  EXPECT_EQ(parsed->head.reason_phrase, "");
  EXPECT_FALSE(parsed->head.has_content_length);
  EXPECT_FALSE(parsed->head.has_date);
  EXPECT_TRUE(parsed->head.keep_alive);
  EXPECT_EQ(hop_by_hop(parsed->head), Names{});
}

TEST(ResponseHead, SaysTheLengthOfWhatIsNotSent) {
  const auto parsed =
      parse("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", {.method = Method::Head});
  EXPECT_EQ(parsed->head.framing, Framing::None);
  EXPECT_TRUE(parsed->head.has_content_length);
  EXPECT_EQ(parsed->head.content_length, 7U);
  EXPECT_TRUE(body_of(parsed->head).is_complete());
}

TEST(ResponseHead, ContentUntilTheCloseNeverEndsByItself) {
  const auto parsed = parse("HTTP/1.1 200 OK\r\n\r\n");
  ASSERT_EQ(parsed->head.framing, Framing::UntilClose);
  BodyReader reader = body_of(parsed->head);
  for (int i = 0; i < 3; ++i) {
    const BodyReader::Step step = reader.read("0\r\n\r\n");
    EXPECT_EQ(step.data, "0\r\n\r\n");
    EXPECT_EQ(step.state, ParseState::Incomplete);
  }
}

}  // namespace
}  // namespace sockherd::http
