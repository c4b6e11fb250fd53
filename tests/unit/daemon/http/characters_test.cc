#include "daemon/http/characters.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sockherd::http {
namespace {

std::string members(CharacterClass wanted) {
  std::string set;
  for (int c = 0; c < 256; ++c) {
    if (is_in(wanted, static_cast<char>(c))) set += static_cast<char>(c);
  }
  return set;
}

TEST(Characters, FormTheClassesOfTheGrammar) {
  const std::string digits = "0123456789";
  const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::string lower = "abcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(members(kTokenByte), "!#$%&'*+-." + digits + upper + "^_`" + lower + "|~");
  EXPECT_EQ(members(kHexDigit), digits + "ABCDEFabcdef");
  EXPECT_EQ(members(kRegNameByte), "!$&'()*+,-." + digits + ";=" + upper + "_" + lower + "~");
  EXPECT_EQ(members(kFieldByte).size(), 1U + 95U + 128U);
  EXPECT_EQ(members(kTargetByte).size(), 94U - 4U);
  EXPECT_EQ(members(kEntityTagByte).size(), 94U - 1U + 128U);
}

TEST(Characters, AreComparedWithoutRegardToCaseOnlyWhereTheyAreLetters) {
  EXPECT_TRUE(equals_ignore_case("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
  EXPECT_FALSE(equals_ignore_case("@", "`"));
  EXPECT_FALSE(equals_ignore_case("^", "~"));
  EXPECT_FALSE(equals_ignore_case("\xc4", "\xe4"));
}

TEST(Characters, SkipFieldBytesLikeTheTable) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t at = 0; at < 20; ++at) {
      std::string text(20, '\xff');
      text[at] = static_cast<char>(byte);
      text[19 - at] = '\t';
      const char* end = text.data() + text.size();
      ASSERT_EQ(skip_field_bytes(text.data(), end), skip(kFieldByte, text.data(), end))
          << byte << " at " << at;
    }
  }
}

TEST(Characters, KnowANameAtOnceInAnyCase) {
  EXPECT_TRUE(token_is("hOsT", "host"));
  EXPECT_TRUE(token_is("Connection", "connection"));
  EXPECT_TRUE(token_is("CONTENT-length", "content-length"));
  EXPECT_TRUE(token_is("Transfer-Encoding", "transfer-encoding"));
  const auto differs_at_every_place = [](const auto& name) {
    const std::string good = name;
    for (size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = 'x';
      EXPECT_FALSE(token_is(bad, name)) << bad;
    }
  };
  differs_at_every_place("host");
  differs_at_every_place("upgrade");
  differs_at_every_place("connection");
  differs_at_every_place("content-length");
  differs_at_every_place("transfer-encoding");
}

}  // namespace
}  // namespace sockherd::http
