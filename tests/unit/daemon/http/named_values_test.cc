#include "daemon/http/named_values.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sockherd::http {
namespace {

std::string said(const std::optional<NamedValues>& values) {
  if (!values) return "too many";
  std::string text;
  for (const NamedValue& each : values->pairs()) {
    text.append(each.name).append("=").append(each.value) += ";";
  }
  return text;
}

TEST(UrlEncoded, IsReadAsBrowsersDo) {
  const auto read = [](std::string_view text) { return said(parse_urlencoded(text, 4)); };
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("a=1&b=2"), "a=1;b=2;");
  EXPECT_EQ(read("a"), "a=;");
  EXPECT_EQ(read("=1"), "=1;");
  EXPECT_EQ(read("&&a=1&"), "a=1;");
  EXPECT_EQ(read("a=b=c"), "a=b=c;");
  EXPECT_EQ(read("a+b=c+d"), "a b=c d;");
  EXPECT_EQ(read("%61=%C3%bc"), "a=\xc3\xbc;");
  EXPECT_EQ(read("a=%"), "a=%;");
  EXPECT_EQ(read("a=%4"), "a=%4;");
  EXPECT_EQ(read("a=%zz%41"), "a=%zzA;");
  EXPECT_EQ(read("a=%26b%3D"), "a=&b=;");
  EXPECT_EQ(read("a&b&c&d"), "a=;b=;c=;d=;");
  EXPECT_EQ(read("a&b&c&d&e"), "too many");
}

TEST(UrlEncoded, StaysWhereItIsWhenMoved) {
  auto values = parse_urlencoded("a=1", 4);
  const NamedValues moved = std::move(*values);
  EXPECT_EQ(moved.find("a"), "1");
  EXPECT_EQ(moved.find("b"), std::nullopt);
}

TEST(Cookies, AreReadFromAllFields) {
  const auto read = [](const std::vector<std::string_view>& fields) {
    return said(parse_cookies(fields, 4));
  };
  EXPECT_EQ(read({}), "");
  EXPECT_EQ(read({"a=1; b=2"}), "a=1;b=2;");
  EXPECT_EQ(read({"a=1;b=2", " c = 3 "}), "a=1;b=2;c=3;");
  EXPECT_EQ(read({"a=\"1 2\""}), "a=1 2;");
  EXPECT_EQ(read({"a=b=c"}), "a=b=c;");
  EXPECT_EQ(read({"a; =b; c d=e; f="}), "f=;");
  EXPECT_EQ(read({"a=1;b=2;c=3;d=4;e=5"}), "too many");
}

TEST(SetCookie, IsWrittenWithItsAttributes) {
  EXPECT_EQ(write_set_cookie({.name = "a", .value = "1", .path = "/", .domain = ""}),
            "a=1; Path=/; Secure; HttpOnly; SameSite=Lax");
  EXPECT_EQ(write_set_cookie({.name = "a",
                              .value = "",
                              .path = "",
                              .domain = "example.org",
                              .max_age = 60,
                              .secure = true,
                              .http_only = false,
                              .same_site = SameSite::None}),
            "a=; Domain=example.org; Max-Age=60; Secure; SameSite=None");
}

TEST(SetCookie, IsRefusedWhereNoBrowserWouldTakeIt) {
  const SetCookie good{.name = "a", .value = "1", .path = "/", .domain = ""};
  EXPECT_EQ(fault_of(good), "");
  std::vector<SetCookie> bad(14, good);
  bad[0].name = "";
  bad[1].name = "a b";
  bad[2].value = "a;b";
  bad[3].value = "a\r\nSet-Cookie: x=y";
  bad[4].value = "a,b";
  bad[5].path = "x";
  bad[6].path = "/;Secure";
  bad[7].domain = "a\nb";
  bad[8].max_age = -1;
  bad[9].max_age = int64_t{401} * 24 * 3600;
  bad[10].same_site = SameSite::None;
  bad[10].secure = false;
  bad[11].name = "__Host-a";
  bad[11].domain = "example.org";
  bad[12].name = "__Secure-a";
  bad[12].secure = false;
  const std::string long_value(5000, 'x');
  bad[13].value = long_value;
  for (size_t i = 0; i < bad.size(); ++i) EXPECT_NE(fault_of(bad[i]), "") << i;
}

}  // namespace
}  // namespace sockherd::http
