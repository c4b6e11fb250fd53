#include "daemon/http/head_memo.h"

#include <gtest/gtest.h>

#include <string>

namespace sockherd::http {
namespace {

const std::string kHead = "GET /a?b HTTP/1.1\r\nHost: example.org\r\nA: b\r\n\r\n";

class Memo : public ::testing::Test {
 protected:
  HeadMemo::Parsed parse(std::string_view bytes) {
    size_t scanned = 0;
    return memo_.parse(bytes, scanned);
  }

  HeadMemo memo_{HeadLimits{}};
};

TEST_F(Memo, KnowsAHeadFromTheThirdTimeOn) {
  EXPECT_FALSE(parse(kHead).is_known);
  EXPECT_FALSE(parse(kHead).is_known);
  const std::string third = kHead + "and what follows";
  const HeadMemo::Parsed parsed = parse(third);
  EXPECT_TRUE(parsed.is_known);
  EXPECT_EQ(parsed.result.state, ParseState::Complete);
  EXPECT_EQ(parsed.result.consumed, kHead.size());
}

TEST_F(Memo, SaysOfAKnownHeadWhatItSaidBefore) {
  for (int i = 0; i < 5; ++i) {
    std::string bytes = kHead;  // where they stand does not matter
    const HeadMemo::Parsed parsed = parse(bytes);
    ASSERT_EQ(parsed.result.state, ParseState::Complete);
    if (parsed.is_known) bytes.assign(bytes.size(), '?');
    const RequestHead& head = *parsed.head;
    EXPECT_EQ(head.method, Method::Get);
    EXPECT_EQ(head.path, "/a");
    EXPECT_EQ(head.query, "b");
    EXPECT_EQ(head.host, "example.org");
    EXPECT_EQ(head.field("a"), "b");
    EXPECT_EQ(head.fields().size(), 2u);
  }
}

TEST_F(Memo, TakesNoOtherHeadForIt) {
  for (int i = 0; i < 3; ++i) parse(kHead);
  for (size_t at = 0; at < kHead.size(); ++at) {
    std::string other = kHead;
    other[at] = other[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(parse(other).is_known) << at;
  }
  EXPECT_TRUE(parse(kHead).is_known);
  const std::string longer = kHead.substr(0, kHead.size() - 2) + "C: d\r\n\r\n";
  const HeadMemo::Parsed parsed = parse(longer);
  EXPECT_FALSE(parsed.is_known);
  EXPECT_EQ(parsed.head->field("c"), "d");
}

TEST_F(Memo, NeedsTheWholeHead) {
  for (int i = 0; i < 3; ++i) parse(kHead);
  for (size_t size = 0; size < kHead.size(); ++size) {
    EXPECT_EQ(parse(kHead.substr(0, size)).result.state, ParseState::Incomplete) << size;
  }
}

TEST_F(Memo, ForgetsNothingOverUniqueHeadsAndLearnsTheNextThatRepeats) {
  for (int i = 0; i < 3; ++i) parse(kHead);
  parse("GET /1 HTTP/1.1\r\nHost: example.org\r\n\r\n");
  parse("GET /2 HTTP/1.1\r\nHost: example.org\r\n\r\n");
  EXPECT_TRUE(parse(kHead).is_known);
  const std::string other = "GET /other HTTP/1.1\r\nHost: example.org\r\n\r\n";
  parse(other);
  parse(other);
  EXPECT_TRUE(parse(other).is_known);
  EXPECT_FALSE(parse(kHead).is_known);
}

TEST_F(Memo, RemembersNoHeadThatWasRefusedOrIsTooLong) {
  const std::string bad = "GET / HTTP/1.1\r\nA: b\r\nC: d\r\nE: f\r\n\r\n";  // no Host
  const std::string big = "GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(3000, 'x') + "\r\n\r\n";
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(parse(bad).result.state, ParseState::Refused);
    EXPECT_FALSE(parse(big).is_known);
  }
}

}  // namespace
}  // namespace sockherd::http
