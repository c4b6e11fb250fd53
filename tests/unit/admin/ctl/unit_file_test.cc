#include "admin/ctl/unit_file.h"

#include "admin/ctl/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

UnitFile made(const UnitWish& wish) {
  Result<UnitFile> file = unit_file(wish);
  EXPECT_TRUE(file.ok()) << file.error().what;
  return file.ok() ? std::move(file).value() : UnitFile{};
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(UnitFile, HasALineForEachSlot) {
  const UnitFile file = made({.listener = "tls", .address = "443", .slots = 8});
  EXPECT_EQ(count(file.text, "\nListenStream=443\n"), 8U);
  EXPECT_EQ(file.path, "/etc/systemd/system/sockherd-tls.socket");
  EXPECT_THAT(file.text, HasSubstr("\nFileDescriptorName=tls\n"));
  EXPECT_THAT(file.text, HasSubstr("\nReusePort=yes\n"));
  EXPECT_THAT(file.text, HasSubstr("\nService=sockherd.service\n"));
  EXPECT_THAT(file.text, HasSubstr("\nWantedBy=sockets.target sockherd.service\n"));
  EXPECT_THAT(file.text, HasSubstr("# " + file.path + "\n# Then: " + file.apply + "\n"));
}

TEST(UnitFile, ADropInFirstForgetsTheLinesOfTheUnit) {
  const UnitFile file = made({.listener = "web", .address = "80", .slots = 2, .is_drop_in = true});
  EXPECT_EQ(file.path, "/etc/systemd/system/sockherd.socket.d/listen.conf");
  EXPECT_THAT(file.text, HasSubstr("[Socket]\nListenStream=\n"));
  EXPECT_LT(file.text.find("ListenStream=\n"), file.text.find("ListenStream=80\n"));
  EXPECT_EQ(count(file.text, "ListenStream=80\n"), 2U);
  EXPECT_THAT(file.text, Not(HasSubstr("[Unit]")));
  EXPECT_THAT(file.apply, Not(HasSubstr("enable")));
}

TEST(UnitFile, AnInstanceHasUnitsOfItsOwn) {
  const UnitFile web =
      made({.listener = "web", .address = "81", .instance = "shop", .is_drop_in = true});
  EXPECT_EQ(web.path, "/etc/systemd/system/sockherd@shop.socket.d/listen.conf");
  EXPECT_EQ(web.apply,
            "systemctl daemon-reload && systemctl enable sockherd@shop.socket && systemctl restart "
            "sockherd@shop.service sockherd@shop.socket");
  const UnitFile other = made({.listener = "api", .address = "82", .instance = "shop"});
  EXPECT_EQ(other.path, "/etc/systemd/system/sockherd-api@shop.socket");
  EXPECT_THAT(other.text, HasSubstr("\nService=sockherd@shop.service\n"));
}

TEST(UnitFile, TakesAddressesAsTheConfigurationDoes) {
  const struct {
    const char* address;
    const char* line;
    bool is_free;
  } kCases[] = {
      {"8080", "ListenStream=8080\n", false},
      {"[::]:8080", "ListenStream=[::]:8080\n", false},
      {"0.0.0.0:8080", "ListenStream=0.0.0.0:8080\n", false},
      {"127.0.0.1:8080", "ListenStream=127.0.0.1:8080\n", false},
      {"192.0.2.1:80", "ListenStream=192.0.2.1:80\n", true},
      {"[2001:db8::1]:80", "ListenStream=[2001:db8::1]:80\n", true},
  };
  for (const auto& each : kCases) {
    const UnitFile file = made({.listener = "web", .address = each.address});
    EXPECT_THAT(file.text, HasSubstr(each.line));
    EXPECT_EQ(count(file.text, "FreeBind=yes"), each.is_free ? 1U : 0U) << each.address;
  }
}

TEST(UnitFile, AUnixSocketIsOneForAll) {
  for (const char* address : {"unix:/run/shop.sock", "/run/shop.sock"}) {
    const UnitFile file = made({.listener = "web", .address = address});
    EXPECT_THAT(file.text, HasSubstr("ListenStream=/run/shop.sock\n"));
    EXPECT_THAT(file.text, HasSubstr("SocketMode=0660\n"));
    EXPECT_THAT(file.text, Not(HasSubstr("ReusePort")));
  }
}

TEST(UnitFile, APercentSignIsNoSpecifier) {
  EXPECT_THAT(made({.listener = "web", .address = "/run/%i"}).text,
              HasSubstr("ListenStream=/run/%%i\n"));
}

TEST(UnitFile, WhatCannotBeIsWrongUsageWithARemedy) {
  const std::pair<UnitWish, const char*> kCases[] = {
      {{.listener = "web", .address = "0"}, "a port alone, such as 443"},
      {{.listener = "web", .address = "99999"}, "a port alone, such as 443"},
      {{.listener = "web", .address = "127.0.0.1:0"}, "name one"},
      {{.listener = "web", .address = "example.org:80"}, "names are not resolved"},
      {{.listener = "web", .address = "unix:relative"}, "absolute path"},
      {{.listener = "web", .address = "unix:/x\nExecStartPre=/y"}, "path with blanks"},
      {{.listener = "web", .address = "unix:/x", .slots = 2}, "leave --slots away"},
      {{.listener = "admin", .address = "80"}, "cannot be the name of a listener"},
      {{.listener = "sockherd.x", .address = "80"}, "cannot be the name of a listener"},
      {{.listener = "a:b", .address = "80"}, "cannot be the name of a listener"},
      {{.listener = "a\nb", .address = "80"}, "\"a?b\" cannot be the name of a listener"},
      {{.listener = "", .address = "80"}, "cannot be the name of a listener"},
      {{.listener = "tls", .address = "443", .is_drop_in = true}, "leave --drop-in away"},
  };
  for (const auto& [wish, words] : kCases) {
    const Result<UnitFile> file = unit_file(wish);
    ASSERT_FALSE(file.ok()) << words;
    EXPECT_EQ(file.error().code, static_cast<int>(Exit::Usage));
    EXPECT_THAT(file.error().what, HasSubstr(words));
  }
}

TEST(InstanceName, IsNoPath) {
  for (const char* good : {"shop", "8081", "a.b-c_d:e"}) EXPECT_TRUE(is_instance_name(good));
  for (const char* bad : {"", ".", "..", "a/b", "a b", "a\n"}) EXPECT_FALSE(is_instance_name(bad));
}

}  // namespace
}  // namespace sockherd::ctl
