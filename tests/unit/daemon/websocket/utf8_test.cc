#include "daemon/websocket/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sockherd::websocket {
namespace {

using namespace std::string_literals;

std::string encode(uint32_t point, unsigned bytes) {
  if (bytes == 1) return {static_cast<char>(point)};
  std::string text(bytes, '\0');
  for (unsigned i = bytes - 1; i > 0; --i, point >>= 6) {
    text[i] = static_cast<char>(0x80 | (point & 0x3f));
  }
  text[0] = static_cast<char>((0xf00 >> bytes & 0xff) | point);
  return text;
}

// RFC 3629 section 3.
unsigned bytes_of(uint32_t point) {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}

TEST(Utf8, TakesEveryCharacterInItsShortestFormOnly) {
  for (uint32_t point = 0; point < 0x120000; ++point) {
    const bool is_character = point < 0x110000 && (point < 0xd800 || point > 0xdfff);
    for (unsigned bytes = bytes_of(point); bytes <= 4; ++bytes) {
      ASSERT_EQ(is_utf8(encode(point, bytes)), is_character && bytes == bytes_of(point))
          << std::hex << point << " in " << bytes;
    }
  }
}

// The first byte that cannot be right ends it: what has come before could have become a text.
TEST(Utf8, RefusesTheFirstByteThatCannotBeRight) {
  const std::vector<std::pair<std::string, size_t>> cases = {
      {"abc\x80", 3},
      {"\xc0\xaf", 0},
      {"\xc1\xbf", 0},
      {"\xe0\x9f\xbf", 1},
      {"\xed\xa0\x80", 1},
      {"\xf0\x8f\xbf\xbf", 1},
      {"\xf4\x90\x80\x80", 1},
      {"\xf5\x80\x80\x80", 0},
      {"\xfe", 0},
      {"\xff", 0},
      {"\xc2\x20", 1},
      {"\xe2\x82\x41", 2},
      {"\xf0\x9f\x98\x61", 3},
      {"12345678\xff", 8},
      {"12345678901\xc3\xff", 12},
      {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80\x65\x64", 12},
  };
  for (const auto& [text, wrong] : cases) {
    Utf8 utf8;
    for (size_t i = 0; i < wrong; ++i) ASSERT_TRUE(utf8.accept(text.substr(i, 1))) << text;
    EXPECT_FALSE(utf8.accept(text.substr(wrong, 1))) << text;
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(Utf8, IsTheSameHoweverTheTextIsCut) {
  const std::string text =
      "The quick brown \xce\xba\xe1\xbd\xb9\xcf\x83 fox \xf0\x9f\xa6\x8a jumps";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Utf8 utf8;
    EXPECT_TRUE(utf8.accept(text.substr(0, cut)));
    EXPECT_EQ(utf8.is_whole(), is_utf8(text.substr(0, cut)));
    EXPECT_TRUE(utf8.accept(text.substr(cut)));
    EXPECT_TRUE(utf8.is_whole());
  }
}

TEST(Utf8, IsNotWholeWithinACharacter) {
  for (const std::string& text : {"\xc2"s, "a\xe2\x82"s, "\xf0\x9f\x98"s}) {
    Utf8 utf8;
    EXPECT_TRUE(utf8.accept(text));
    EXPECT_FALSE(utf8.is_whole());
  }
}

}  // namespace
}  // namespace sockherd::websocket
