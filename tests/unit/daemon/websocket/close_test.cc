#include "daemon/websocket/close.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace sockherd::websocket {
namespace {

using namespace std::string_literals;

std::string payload(uint16_t code, std::string_view reason) {
  std::array<char, kMaxControlPayload> bytes{};
  return {bytes.data(), write_close(code, reason, bytes)};
}

TEST(Close, CodesThatMayStandInAFrame) {
  std::set<uint16_t> low;
  for (unsigned code = 0; code < 3000; ++code) {
    if (may_be_sent(static_cast<uint16_t>(code))) low.insert(static_cast<uint16_t>(code));
  }
  EXPECT_EQ(low, (std::set<uint16_t>{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
                                     1013, 1014}));
  for (unsigned code = 3000; code < 5000; ++code) {
    EXPECT_TRUE(may_be_sent(static_cast<uint16_t>(code)));
  }
  EXPECT_FALSE(may_be_sent(5000));
  EXPECT_FALSE(may_be_sent(65535));
}

TEST(Close, IsReadAsItWasWritten) {
  const std::string bytes = payload(1001, "going");
  EXPECT_EQ(bytes, "\x03\xe9going"s);
  const CloseParse parse = parse_close(bytes);
  EXPECT_EQ(parse.fault, 0);
  EXPECT_EQ(parse.code, 1001);
  EXPECT_EQ(parse.reason, "going");
}

TEST(Close, WithoutACodeIsEmpty) {
  EXPECT_EQ(payload(close_code::kNone, "unheard"), "");
  EXPECT_EQ(parse_close("").code, close_code::kNone);
  EXPECT_EQ(parse_close("").fault, 0);
}

TEST(Close, RefusesWhatIsNoPayloadOfOne) {
  EXPECT_EQ(parse_close("\x03"s).fault, close_code::kProtocolError);
  for (const unsigned code :
       {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
    const std::string bytes = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    EXPECT_EQ(parse_close(bytes).fault, close_code::kProtocolError) << code;
  }
  EXPECT_EQ(parse_close("\x03\xe8\xff"s).fault, close_code::kNotConsistent);
  EXPECT_EQ(parse_close("\x03\xe8\xce"s).fault, close_code::kNotConsistent);
}

TEST(Close, CutsALongReasonBetweenCharacters) {
  EXPECT_EQ(payload(1000, std::string(200, 'x')).size(), kMaxControlPayload);
  const std::string bytes = payload(1000, std::string(122, 'x') + "\xe2\x82\xac");
  EXPECT_EQ(bytes.size(), 124);
  EXPECT_EQ(parse_close(bytes).fault, 0);
}

}  // namespace
}  // namespace sockherd::websocket
