#include "daemon/supervisor/plain_text.h"

#include <gtest/gtest.h>

namespace sockherd::supervisor {
namespace {

TEST(PlainText, LeavesValidTextAlone) {
  for (const std::string_view text : {"", "a", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x91",
                                      "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(plain_text(text, 100), text);
  }
}

TEST(PlainText, ReplacesBytesThatAreNoCharacter) {
  const struct {
    std::string text;
    std::string plain;
  } cases[] = {
      {"\xff", "?"},
      {"\x80", "?"},
      {"a\xc3", "a?"},
      {"\xc3(", "?("},
      {"\xc0\xaf", "??"},            // overlong
      {"\xe0\x9f\xbf", "???"},       // overlong
      {"\xed\xa0\x80", "???"},       // surrogate
      {"\xf0\x8f\xbf\xbf", "????"},  // overlong
      {"\xf4\x90\x80\x80", "????"},  // beyond U+10FFFF
      {"\xf5\x80\x80\x80", "????"},
      {"\xe2\x82", "??"},
      {"line\nline\ttab\x7f\x1b", "line?line?tab??"},
      {std::string("a\0b", 3), "a?b"},
  };
  for (const auto& [text, plain] : cases) EXPECT_EQ(plain_text(text, 100), plain);
}

TEST(PlainText, IsCutAtACharacter) {
  EXPECT_EQ(plain_text("abcdef", 3), "abc");
  EXPECT_EQ(plain_text("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(plain_text("ab\xc3\xa9", 4), "ab\xc3\xa9");
  EXPECT_EQ(plain_text("\xff\xff\xff", 2), "??");
  EXPECT_EQ(plain_text("a", 0), "");
}

}  // namespace
}  // namespace sockherd::supervisor
