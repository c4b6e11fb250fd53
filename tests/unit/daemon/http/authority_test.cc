#include "daemon/http/authority.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace sockherd::http {
namespace {

TEST(Authority, SplitsHostAndPort) {
  const struct {
    std::string_view text;
    std::string_view host;
    std::optional<uint16_t> port;
  } cases[] = {
      {"a", "a", {}},
      {"a:", "a", {}},
      {"a:0", "a", 0},
      {"example.com:8080", "example.com", 8080},
      {"a:000080", "a", 80},
      {"127.0.0.1:65535", "127.0.0.1", 65535},
      {"a-b_c~d!$&'()*+,;=", "a-b_c~d!$&'()*+,;=", {}},
      {"a%20b%C3%a4", "a%20b%C3%a4", {}},
      {"[::1]", "[::1]", {}},
      {"[::1]:", "[::1]", {}},
      {"[::1]:80", "[::1]", 80},
  };
  for (const auto& row : cases) {
    const auto authority = parse_authority(row.text);
    ASSERT_TRUE(authority) << row.text;
    EXPECT_EQ(authority->host, row.host);
    EXPECT_EQ(authority->port, row.port) << row.text;
    EXPECT_TRUE(is_authority(row.text)) << row.text;
  }
}

TEST(Authority, RefusesEverythingElse) {
  for (const std::string_view text : {"",
                                      ":",
                                      ":80",
                                      "a:b",
                                      "a:80a",
                                      "a:65536",
                                      "a:4294967376",
                                      "a:-1",
                                      "a:80:80",
                                      "u@a",
                                      "u:p@a",
                                      "a b",
                                      "a/b",
                                      "a?b",
                                      "a#b",
                                      "a\\b",
                                      "a\xc3\xa4",
                                      "a%2",
                                      "a%",
                                      "a%zz",
                                      "a[",
                                      "a]",
                                      "[",
                                      "[]",
                                      "[::1",
                                      "::1",
                                      "[::1]a",
                                      "[::1]]",
                                      "[a]",
                                      "[v1.a]",
                                      "[fe80::1%25e]",
                                      "[::1:80"}) {
    EXPECT_FALSE(parse_authority(text)) << text;
    EXPECT_FALSE(is_authority(text)) << text;
  }
}

TEST(Authority, KnowsIpv6Addresses) {
  for (const std::string_view text :
       {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
        "abcd:EF01::", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "::ffff:255.255.255.255"}) {
    EXPECT_TRUE(is_ipv6_address(text)) << text;
  }
  for (const std::string_view text : {"",
                                      ":",
                                      ":::",
                                      "1",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "1::2::3",
                                      "1:",
                                      ":1",
                                      "12345::",
                                      "g::",
                                      "1.2.3.4",
                                      "::1.2.3",
                                      "::1.2.3.4.5",
                                      "::1.2.3.256",
                                      "::01.2.3.4",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::1.2.3.4:1",
                                      "::1 ",
                                      "::1%eth0",
                                      "::1..2.3"}) {
    EXPECT_FALSE(is_ipv6_address(text)) << text;
  }
}

}  // namespace
}  // namespace sockherd::http
