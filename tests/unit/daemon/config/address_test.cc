#include "daemon/config/address.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::config {
namespace {

using testing::HasSubstr;

TEST(Address, HasOneSpelling) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"127.0.0.1:80", "127.0.0.1:80"},
      {"0.0.0.0:065", "0.0.0.0:65"},
      {"[::]:8080", "[::]:8080"},
      {"[0:0:0::1]:443", "[::1]:443"},
      {"[2001:DB8::1]:1", "[2001:db8::1]:1"},
      {"unix:/run/web.sock", "unix:/run/web.sock"},
  };
  for (const auto& [text, canonical] : kCases) {
    const Result<std::string> address = canonical_address(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.error().what;
    EXPECT_EQ(address.value(), canonical);
  }
}

TEST(Address, SaysWhatIsWrongAndWhatToWriteInstead) {
  const std::pair<std::string, std::string> kCases[] = {
      {"", "port is missing"},
      {"8080", "port is missing"},
      {"localhost:80", "must be numeric"},
      {"*:80", "must be numeric"},
      {":80", "write \"[::]:PORT\""},
      {"::1:80", "needs brackets"},
      {"[::1]", "\"[ADDRESS]:PORT\""},
      {"[::1]80", "\"[ADDRESS]:PORT\""},
      {"[::1", "\"[ADDRESS]:PORT\""},
      {"[::g]:80", "not an IPv6 address"},
      {"[127.0.0.1]:80", "not an IPv6 address"},
      {"127.0.0.1:", "1 to 65535"},
      {"127.0.0.1:0", "1 to 65535"},
      {"127.0.0.1:65536", "1 to 65535"},
      {"127.0.0.1:http", "1 to 65535"},
      {"unix:web.sock", "must be absolute"},
      {"unix:", "must be absolute"},
      {"/run/web.sock", "\"unix:/run/web.sock\""},
  };
  for (const auto& [text, words] : kCases) {
    const Result<std::string> address = canonical_address(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_THAT(address.error().what, HasSubstr(words)) << text;
  }
}

TEST(Address, UnixPathHasAtMost107Bytes) {
  EXPECT_TRUE(canonical_address("unix:/" + std::string(106, 'x')).ok());
  const Result<std::string> longer = canonical_address("unix:/" + std::string(107, 'x'));
  ASSERT_FALSE(longer.ok());
  EXPECT_THAT(longer.error().what, HasSubstr("this one has 108"));
}

}  // namespace
}  // namespace sockherd::config
