#include "daemon/http/body.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::http {
namespace {

using namespace std::string_literals;

constexpr uint64_t kMax = 64;

// A reader and what it has given so far.
struct Reading {
  BodyReader reader;
  ParseState state = ParseState::Incomplete;
  size_t consumed = 0;
  std::string data;
  std::string trailers;
  std::string refusal;

  // Feeds a piece as a connection does: until nothing more is taken from it.
  void feed(std::string_view piece) {
    const auto copy = std::make_unique<char[]>(piece.size());
    if (!piece.empty()) std::memcpy(copy.get(), piece.data(), piece.size());
    std::string_view rest(copy.get(), piece.size());
    while (state == ParseState::Incomplete) {
      const BodyReader::Step step = reader.read(rest);
      ASSERT_LE(step.consumed, rest.size());
      state = step.state;
      consumed += step.consumed;
      data += step.data;
      trailers += step.trailers;
      if (state == ParseState::Refused) {
        refusal = std::to_string(step.status) + " " + step.reason;
      }
      if (step.consumed == 0) break;
      rest.remove_prefix(step.consumed);
    }
  }

  std::string text() const {
    switch (state) {
      case ParseState::Complete:
        return "complete " + std::to_string(consumed) + " " + data + trailers;
      case ParseState::Refused:
        return refusal;
      case ParseState::Incomplete:
        return "incomplete";
    }
    return "";
  }
};

Reading chunked() {
  return {.reader = BodyReader(BodyKind::Chunked, 0, kMax)};
}

std::string read_chunked(std::string_view bytes) {
  Reading reading = chunked();
  reading.feed(bytes);
  return reading.text();
}

TEST(Body, IsCompleteAtOnceWhereThereIsNone) {
  BodyReader reader;
  EXPECT_TRUE(reader.is_complete());
  EXPECT_EQ(reader.read("next").state, ParseState::Complete);
  EXPECT_EQ(reader.read("next").consumed, 0U);
  EXPECT_TRUE(BodyReader(BodyKind::None, 7, 0).is_complete());
  EXPECT_TRUE(BodyReader(BodyKind::Length, 0, 0).is_complete());
}

TEST(Body, TakesExactlyItsLength) {
  BodyReader reader(BodyKind::Length, 5, kMax);
  const BodyReader::Step first = reader.read("hel");
  EXPECT_EQ(first.state, ParseState::Incomplete);
  EXPECT_EQ(first.data, "hel");
  EXPECT_FALSE(reader.is_complete());
  EXPECT_EQ(reader.read("").state, ParseState::Incomplete);
  const BodyReader::Step second = reader.read("loGET /");
  EXPECT_EQ(second.state, ParseState::Complete);
  EXPECT_EQ(second.data, "lo");
  EXPECT_EQ(second.consumed, 2U);
  EXPECT_EQ(reader.content_bytes(), 5U);
}

TEST(Body, RefusesALengthOverTheBoundBeforeAnyByte) {
  BodyReader reader(BodyKind::Length, kMax + 1, kMax);
  for (const std::string_view bytes : {"", "x"}) {
    const BodyReader::Step step = reader.read(bytes);
    EXPECT_EQ(step.state, ParseState::Refused);
    EXPECT_EQ(step.status, 413);
    EXPECT_EQ(step.consumed, 0U);
  }
  EXPECT_FALSE(reader.is_complete());
  EXPECT_EQ(BodyReader(BodyKind::Length, kMax, kMax).read("").state, ParseState::Incomplete);
}

TEST(Body, GivesThePiecesOfChunksWithoutCopying) {
  BodyReader reader(BodyKind::Chunked, 0, kMax);
  const std::string_view bytes = "5\r\nhello\r\n0\r\n\r\n";
  const BodyReader::Step step = reader.read(bytes);
  EXPECT_EQ(step.data.data(), bytes.data() + 3);
  EXPECT_EQ(step.data, "hello");
}

TEST(Body, JudgesChunkedBodies) {
  const std::string long_extension(256, 'e');
  const std::string half_trailers = "A: " + std::string(4000, 'v') + "\r\n";
  const struct {
    std::string bytes;
    std::string verdict;
  } cases[] = {
      {"0\r\n\r\n", "complete 5 "},
      {"0000000000000000\r\n\r\n", "complete 20 "},
      {"5\r\nhello\r\n0\r\n\r\nnext", "complete 15 hello"},
      {"0000000000000005\r\nhello\r\n0\r\n\r\n", "complete 30 hello"},
      {"A\r\n0123456789\r\n0\r\n\r\n", "complete 20 0123456789"},
      {"a\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n", "complete 26 0123456789!"},
      {"1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", "complete 17 \r\n"},
      {"40\r\n" + std::string(64, 'x') + "\r\n0\r\n\r\n", "complete 75 " + std::string(64, 'x')},
      // Sizes.
      {"\r\n", "400 no chunk size"},
      {";a\r\n", "400 no chunk size"},
      {" 5\r\n", "400 no chunk size"},
      {"+5\r\n", "400 no chunk size"},
      {"-5\r\n", "400 no chunk size"},
      {"5 \r\n", "400 bad chunk extension"},
      {"5 0\r\n", "400 bad chunk extension"},
      {"0x5\r\n", "400 bad chunk size"},
      {"5_0\r\n", "400 bad chunk size"},
      {"5\n", "400 bad chunk size"},
      {"5\0\r\n"s, "400 bad chunk size"},
      {"5\rx", "400 bare CR in a chunk size line"},
      {"00000000000000005\r\n", "400 chunk size too long"},
      {"FFFFFFFFFFFFFFFFF\r\n", "400 chunk size too long"},
      {"FFFFFFFFFFFFFFFF\r\n", "413 content too large"},
      {"41\r\n", "413 content too large"},
      {"40\r\n" + std::string(64, 'x') + "\r\n1\r\n", "413 content too large"},
      {"1\r\nx\r\nFFFFFFFFFFFFFFFF\r\n", "413 content too large"},
      // What stands behind a chunk.
      {"1\r\nxy", "400 no CRLF behind a chunk"},
      {"1\r\nx\n", "400 no CRLF behind a chunk"},
      {"1\r\nx\rx", "400 no CRLF behind a chunk"},
      {"1\r\nx0\r\n\r\n", "400 no CRLF behind a chunk"},
      // Extensions.
      {"1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n", "complete 25 x"},
      {"1 \t; \ta \t= \tb ;c\r\nx\r\n0\r\n\r\n", "complete 26 x"},
      {"1;a=\"\\\"\\\\;\t\x80\";b=\"\"\r\nx\r\n0\r\n\r\n", "complete 28 x"},
      {"1;\r\n", "400 bad chunk extension"},
      {"1;;\r\n", "400 bad chunk extension"},
      {"1;a \r\n", "400 bad chunk extension"},
      {"1;a=\r\n", "400 bad chunk extension"},
      {"1;=b\r\n", "400 bad chunk extension"},
      {"1;a=b=c\r\n", "400 bad chunk extension"},
      {"1;a b\r\n", "400 bad chunk extension"},
      {"1;a=b c\r\n", "400 bad chunk extension"},
      {"1;a=\"b\"c\r\n", "400 bad chunk extension"},
      {"1;a=\"b\r\nx", "400 bad chunk extension"},
      {"1;a=\"b\\\r\nx", "400 bad chunk extension"},
      {"1;a=\"\x7f", "400 bad chunk extension"},
      {"1;\x80\r\n", "400 bad chunk extension"},
      {"1;" + long_extension + "\r\nx\r\n0\r\n\r\n", "complete 268 x"},
      {"1;e" + long_extension, "400 chunk extensions too long"},
      {"1;a\nb", "400 bad chunk extension"},
      {"1;a\0"s, "400 bad chunk extension"},
      {"1;a\rb", "400 bare CR in a chunk size line"},
      // Trailers.
      {"0\r\nA: b\r\nC:\r\n\r\n", "complete 15 A: b\r\nC:\r\n"},
      {"0\r\nContent-Length: 5\r\n\r\n", "complete 24 Content-Length: 5\r\n"},
      {"0\r\n: b\r\n\r\n", "400 bad trailer name"},
      {"0\r\n A: b\r\n\r\n", "400 bad trailer name"},
      {"0\r\nA : b\r\n\r\n", "400 bad trailer name"},
      {"0\r\nA\r\n\r\n", "400 bad trailer name"},
      {"0\r\nA: b\r\n c\r\n\r\n", "400 bad trailer name"},
      {"0\r\nA: \x01\r\n\r\n", "400 bad byte in a trailer"},
      {"0\r\nA: b\n\r\n", "400 bad byte in a trailer"},
      {"0\r\nA: b\rc", "400 bare CR in a trailer"},
      {"0\r\n\n", "400 bad trailer name"},
      {"0\r\n\rx", "400 bare CR in a trailer"},
      {"0\r\n" + half_trailers + half_trailers + "\r\n",
       "complete 8015 " + half_trailers + half_trailers},
      {"0\r\n" + half_trailers + half_trailers + half_trailers, "431 trailers too long"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_EQ(read_chunked(bytes), expected) << bytes.substr(0, 60);
  }
}

TEST(Body, BoundsTheExtensionsOfAllChunksTogether) {
  std::string bytes;
  for (int chunk = 0; chunk < 17; ++chunk) bytes += "1;" + std::string(250, 'e') + "\r\nx\r\n";
  EXPECT_EQ(read_chunked(bytes), "400 chunk extensions too long");
}

TEST(Body, HandsOverTheTrailersWithoutCopying) {
  BodyReader reader(BodyKind::Chunked, 0, kMax);
  const std::string_view bytes = "0\r\nA: b\r\n\r\nnext";
  const BodyReader::Step step = reader.read(bytes);
  EXPECT_EQ(step.state, ParseState::Complete);
  EXPECT_EQ(step.consumed, 11U);
  EXPECT_EQ(step.trailers, "A: b\r\n");
  EXPECT_EQ(step.trailers.data(), bytes.data() + 3);
  EXPECT_EQ(BodyReader(BodyKind::Chunked, 0, kMax).read("0\r\n\r\n").trailers, "");
}

TEST(Body, StaysRefused) {
  BodyReader reader(BodyKind::Chunked, 0, kMax);
  EXPECT_EQ(reader.read("x").state, ParseState::Refused);
  const BodyReader::Step again = reader.read("0\r\n\r\n");
  EXPECT_EQ(again.state, ParseState::Refused);
  EXPECT_EQ(again.status, 400);
  EXPECT_EQ(again.consumed, 0U);
  EXPECT_FALSE(reader.is_complete());
}

TEST(BodySplit, GivesTheSameVerdictHoweverTheBytesAreCut) {
  const std::vector<std::string> bodies = {
      "0\r\n\r\nrest",
      "5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nT: v\r\nU:\r\n\r\nGET / HTTP/1.1\r\n",
      "1\r\nxy\r\n0\r\n\r\n",
      "5\r\nhello\r\n0\r\nBad name: x\r\n\r\n",
      "5\r\nhello\r\n0\r\nA: b\n\r\n",
      "41\r\n",
      "3f\r\n" + std::string(63, 'y') + "\r\n2\r\n",
      "0000000000000000000",
      "5\rx",
      "1 ; a = \"b\\\"\" ;c\r\nx\r\n0;d=e\r\n\r\n",
      "1;a=\"\n",
  };
  for (const std::string& bytes : bodies) {
    const std::string whole = read_chunked(bytes);
    ASSERT_NE(whole, "incomplete") << bytes;
    Reading bytewise = chunked();
    for (const char byte : bytes) bytewise.feed({&byte, 1});
    EXPECT_EQ(bytewise.text(), whole) << bytes;
    for (size_t size = 0; size <= bytes.size(); ++size) {
      Reading two = chunked();
      two.feed(std::string_view(bytes).substr(0, size));
      two.feed(std::string_view(bytes).substr(size));
      EXPECT_EQ(two.text(), whole) << bytes << " at " << size;
    }
  }
}

}  // namespace
}  // namespace sockherd::http
