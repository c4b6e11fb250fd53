#include "daemon/websocket/deflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "daemon/websocket/deflate_terms.h"

namespace sockherd::websocket {
namespace {

using namespace std::string_literals;
using Outcome = Inflater::Outcome;

// "-" where nothing is taken.
std::string negotiate(std::initializer_list<std::string_view> lines) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (const std::string_view line : lines) {
    bytes.append("Sec-WebSocket-Extensions: ").append(line).append("\r\n");
  }
  bytes += "\r\n";
  const auto head = std::make_unique<http::RequestHead>();
  size_t scanned = 0;
  EXPECT_EQ(http::parse_request_head(bytes, {}, *head, scanned).state, http::ParseState::Complete);
  const DeflateNegotiation negotiation = negotiate_deflate(*head);
  if (negotiation.is_malformed) return "malformed";
  if (!negotiation.terms) return "-";
  const std::string answer = negotiation.terms->answer();
  constexpr std::string_view kAlways =
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  EXPECT_TRUE(answer.starts_with(kAlways)) << answer;
  return answer.substr(kAlways.size());
}

TEST(DeflateTerms, TakeWhatCanBeTaken) {
  EXPECT_EQ(negotiate({}), "-");
  EXPECT_EQ(negotiate({"permessage-deflate"}), "");
  EXPECT_EQ(negotiate({"Permessage-Deflate"}), "");
  EXPECT_EQ(negotiate({"permessage-deflate; client_max_window_bits"}), "");
  EXPECT_EQ(negotiate({"permessage-deflate;client_max_window_bits=8 ; server_max_window_bits=15"}),
            "; server_max_window_bits=15");
  EXPECT_EQ(negotiate({"permessage-deflate; server_max_window_bits=8"}),
            "; server_max_window_bits=8");
  EXPECT_EQ(negotiate({"permessage-deflate; server_max_window_bits=\"10\""}),
            "; server_max_window_bits=10");
  EXPECT_EQ(negotiate({"permessage-deflate; server_max_window_bits=\"1\\2\""}),
            "; server_max_window_bits=12");
  EXPECT_EQ(negotiate({"permessage-deflate; server_no_context_takeover; "
                       "client_no_context_takeover"}),
            "");
}

TEST(DeflateTerms, PassOverAnOfferThatCannotBeTaken) {
  for (const std::string_view offer : {
           "x-webkit-deflate-frame",
           "permessage-deflate; unknown",
           "permessage-deflate; unknown=1",
           "permessage-deflate; server_max_window_bits",
           "permessage-deflate; server_max_window_bits=7",
           "permessage-deflate; server_max_window_bits=16",
           "permessage-deflate; server_max_window_bits=010",
           "permessage-deflate; server_max_window_bits=1",
           "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
           "permessage-deflate; client_max_window_bits=7",
           "permessage-deflate; client_max_window_bits=16",
           "permessage-deflate; client_max_window_bits; client_max_window_bits",
           "permessage-deflate; server_no_context_takeover=1",
           "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
           "permessage-deflate; client_no_context_takeover=x",
           "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
       }) {
    EXPECT_EQ(negotiate({offer}), "-") << offer;
    const std::string second =
        std::string(offer) + ", permessage-deflate; server_max_window_bits=9";
    EXPECT_EQ(negotiate({second}), "; server_max_window_bits=9") << offer;
    EXPECT_EQ(negotiate({offer, "permessage-deflate"}), "") << offer;
  }
}

TEST(DeflateTerms, SayThatAFieldIsMalformed) {
  for (const std::string_view line : {
           "permessage-deflate;",
           "permessage-deflate; =1",
           "permessage-deflate; server_max_window_bits=",
           "permessage-deflate; server_max_window_bits=\"10",
           "permessage-deflate; server_max_window_bits=\"\"",
           "permessage-deflate; server_max_window_bits=\"1 0\"",
           "permessage-deflate client_max_window_bits",
           "\"permessage-deflate\"",
           "; permessage-deflate",
           "permessage-deflate, ;",
           "foo; bar=\"a, b\"",
           "perm\xe9ssage",
           ";",
       }) {
    EXPECT_EQ(negotiate({line}), "malformed") << line;
    EXPECT_EQ(negotiate({"permessage-deflate", line}), "malformed") << line;
  }
  EXPECT_EQ(negotiate({",, permessage-deflate,"}), "");
}

std::string random_text(unsigned seed, size_t size, int letters) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    if (text.size() > 300 && random() % 4 == 0) {  // repeats from near and far
      const size_t length = 3 + random() % 200;
      const size_t from = random() % (text.size() - 250);
      text += text.substr(from, length);
    } else {
      text += static_cast<char>('a' + static_cast<int>(random() % static_cast<unsigned>(letters)));
    }
  }
  return text;
}

// What a client with that window makes of it.
std::string inflate_with(uint8_t bits, std::string payload) {
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, -int{bits}), Z_OK);
  payload += "\0\0\xff\xff"s;
  std::string text(1 << 20, '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(payload.data());
  stream.avail_in = static_cast<uInt>(payload.size());
  stream.next_out = reinterpret_cast<unsigned char*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(::inflate(&stream, Z_SYNC_FLUSH), Z_OK) << int{bits};
  EXPECT_EQ(stream.avail_in, 0);
  text.resize(stream.total_out);
  ::inflateEnd(&stream);
  return text;
}

TEST(Deflater, KeepsToTheWindowOfTheClient) {
  Deflater deflater;
  Inflater inflater;
  for (uint8_t bits = 8; bits <= 15; ++bits) {
    for (const size_t size : {300, 5000, 100000}) {
      const std::string text = random_text(bits, size, 4);
      std::string payload;
      ASSERT_TRUE(deflater.deflate(text, bits, payload)) << int{bits} << " " << size;
      EXPECT_LT(payload.size(), text.size());
      EXPECT_EQ(inflate_with(bits, payload), text);
      std::string back;
      EXPECT_EQ(inflater.inflate(payload, text.size(), back), Outcome::Done);
      EXPECT_EQ(back, text);
    }
  }
}

TEST(Deflater, SaysWhereItWinsNothing) {
  Deflater deflater;
  std::string payload;
  EXPECT_FALSE(deflater.deflate("", 15, payload));
  EXPECT_FALSE(deflater.deflate("abc", 15, payload));
  EXPECT_FALSE(deflater.deflate(random_text(7, 250, 256), 8, payload));
}

// The examples of RFC 7692 section 7.2.3.
TEST(Inflater, ReadsTheExamplesOfTheStandard) {
  Inflater inflater;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\xf2\x48\xcd\xc9\xc9\x07\x00"s, "Hello"},
      {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s, "Hello"},
      {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s, "Hello"},
      {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s, "Hello"},
      {"\x00"s, ""},
      {"\x02\x00"s, ""},
      {"", ""},
  };
  for (const auto& [payload, text] : cases) {
    std::string to = "before";
    EXPECT_EQ(inflater.inflate(payload, 100, to), Outcome::Done) << text;
    EXPECT_EQ(to, text);
  }
}

// Section 7.2.3.4: what follows a last block may repeat what was before it.
TEST(Inflater, GoesOnBehindALastBlock) {
  const std::string text = random_text(3, 2000, 4);
  const auto deflate_part = [](std::string_view part, std::string_view before, int flush) {
    z_stream stream{};
    EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    const auto* dictionary = reinterpret_cast<const unsigned char*>(before.data());
    if (!before.empty()) {
      EXPECT_EQ(::deflateSetDictionary(&stream, dictionary, static_cast<uInt>(before.size())),
                Z_OK);
    }
    std::string out(10000, '\0');
    std::string in(part);
    stream.next_in = reinterpret_cast<unsigned char*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<unsigned char*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, flush);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
  };
  std::string payload = deflate_part(text, "", Z_FINISH);
  payload += deflate_part(text, text, Z_SYNC_FLUSH);
  payload.resize(payload.size() - 4);
  Inflater inflater;
  std::string to;
  EXPECT_EQ(inflater.inflate(payload, 2 * text.size(), to), Outcome::Done);
  EXPECT_TRUE(to == text + text);
}

TEST(Inflater, StopsAtTheBound) {
  const std::string text(10 << 20, 'x');
  Deflater deflater;
  std::string payload;
  ASSERT_TRUE(deflater.deflate(text, 15, payload));
  ASSERT_LT(payload.size(), 100000);
  Inflater inflater;
  std::string to;
  EXPECT_EQ(inflater.inflate(payload, 100000, to), Outcome::TooLong);
  EXPECT_LT(to.capacity(), 300000);
  EXPECT_EQ(inflater.inflate(payload, text.size() - 1, to), Outcome::TooLong);
  EXPECT_EQ(inflater.inflate(payload, text.size(), to), Outcome::Done);
  EXPECT_EQ(to, text);
}

TEST(Inflater, RefusesWhatIsBrokenAndGoesOnWithTheNext) {
  Inflater inflater;
  std::string to;
  for (const std::string& payload : {
           "\xff\xff\xff\xff"s,              // no such block
           "\x00\x05\x00\x00\x00Hello"s,     // length and complement differ
           "\xf2\x48\xcd\xc9"s,              // cut off within a block
           "\xf3\x48\xcd\xc9\xc9\x07\x00"s,  // a last block, and nothing behind it
       }) {
    EXPECT_EQ(inflater.inflate(payload, 1000, to), Outcome::Broken);
    EXPECT_EQ(inflater.inflate("\xf2\x48\xcd\xc9\xc9\x07\x00"s, 1000, to), Outcome::Done);
    EXPECT_EQ(to, "Hello");
  }
}

}  // namespace
}  // namespace sockherd::websocket
