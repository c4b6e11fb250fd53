#include "daemon/sys/address.h"

#include <gmock/gmock.h>

#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::sys {
namespace {

using testing::HasSubstr;

TEST(SocketAddress, SaysTheTextThatItWasReadFrom) {
  const std::string longest = "unix:/" + std::string(106, 'x');
  for (const std::string& text :
       {std::string("127.0.0.1:80"), std::string("0.0.0.0:0"), std::string("255.255.255.255:65535"),
        std::string("[::]:8080"), std::string("[fe80::1]:1"), std::string("[::ffff:1.2.3.4]:443"),
        std::string("unix:/run/x.sock"), longest}) {
    const auto address = SocketAddress::parse(text);
    ASSERT_TRUE(address.ok()) << address.error().what;
    EXPECT_EQ(address.value().text(), text);
  }
}

TEST(SocketAddress, KnowsFamilyPortAndPath) {
  EXPECT_EQ(parsed("1.2.3.4:80").family(), AF_INET);
  EXPECT_EQ(parsed("1.2.3.4:80").port(), 80);
  EXPECT_EQ(parsed("[::1]:443").family(), AF_INET6);
  EXPECT_EQ(parsed("[::1]:443").port(), 443);
  EXPECT_EQ(parsed("[::1]:443").path(), "");
  EXPECT_TRUE(parsed("unix:/a/b").is_unix());
  EXPECT_EQ(parsed("unix:/a/b").port(), 0);
  EXPECT_EQ(parsed("unix:/a/b").path(), "/a/b");
}

TEST(SocketAddress, ShortensIpv6) {
  EXPECT_EQ(parsed("[0:0:0:0:0:0:0:1]:80").text(), "[::1]:80");
  EXPECT_TRUE(parsed("[0:0:0:0:0:0:0:1]:80") == parsed("[::1]:80"));
  EXPECT_FALSE(parsed("[::1]:80") == parsed("[::1]:81"));
}

TEST(SocketAddress, NamesTheFaultOfEveryTextThatIsNone) {
  const std::string too_long = "unix:/" + std::string(107, 'x');
  const struct {
    std::string text;
    const char* why;
  } cases[] = {
      {"", "expected HOST:PORT"},
      {"8080", "expected HOST:PORT"},
      {"localhost:80", "names are not resolved"},
      {":80", "not a numeric IPv4"},
      {"1.2.3:80", "not a numeric IPv4"},
      {"1.2.3.4:", "the port is a number"},
      {"1.2.3.4:65536", "the port is a number"},
      {"1.2.3.4:-1", "the port is a number"},
      {"1.2.3.4:+1", "the port is a number"},
      {"1.2.3.4:80 ", "the port is a number"},
      {"[::1]", "the port is a number"},
      {"::1:80", "not a numeric IPv4"},
      {"[]:80", "not an IPv6"},
      {"[::1%lo]:80", "not an IPv6"},
      {"[1.2.3.4]:80", "not an IPv6"},
      {"unix:", "absolute path"},
      {"unix:run/x", "absolute path"},
      {"unix:@abstract", "absolute path"},
      {too_long, "at most 107 bytes"},
      {std::string("unix:/a\0b", 9), "NUL"},
      {std::string("127.0.0.1\0x:80", 14), "NUL"},
  };
  for (const auto& [text, why] : cases) {
    const auto address = SocketAddress::parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(address.error().code, EINVAL);
    EXPECT_THAT(address.error().what, HasSubstr("address \"" + text + "\": "));
    EXPECT_THAT(address.error().what, HasSubstr(why));
  }
}

TEST(SocketAddress, IsReadFromASocket) {
  const UniqueFd tcp(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketAddress any = parsed("[::1]:0");
  ASSERT_EQ(::bind(tcp.get(), any.get(), any.size()), 0);
  EXPECT_NE(address_of(tcp).port(), 0);
  EXPECT_THAT(address_of(tcp).text(), testing::StartsWith("[::1]:"));

  const worker::TemporaryDirectory directory;
  const SocketAddress path = parsed("unix:" + directory.path("s"));
  const UniqueFd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(address_of(local).text(), "unix:");
  ASSERT_EQ(::bind(local.get(), path.get(), path.size()), 0);
  EXPECT_TRUE(address_of(local) == path);
  EXPECT_FALSE(SocketAddress::of_socket(-1).ok());
}

// The kernel takes 108 bytes of path without a final NUL; systemd may hand over such a socket.
TEST(SocketAddress, ReadsAPathThatFillsTheKernelsStructure) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const worker::TemporaryDirectory directory;
  std::string path = directory.path("");
  path.resize(108, 'x');
  std::array<char, 110> raw{};
  const sa_family_t family = AF_UNIX;
  std::memcpy(raw.data(), &family, sizeof family);
  std::memcpy(raw.data() + sizeof family, path.data(), path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(raw.data()), raw.size()), 0);
  EXPECT_EQ(address_of(socket).path(), path);
}

}  // namespace
}  // namespace sockherd::sys
