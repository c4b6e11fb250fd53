#include "daemon/sys/handshakes.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {
namespace {

// A listener with deferred accept: its clients stay in SYN_RECV until they send something.
UniqueFd deferring_listener(std::string_view address) {
  auto listener = bind_listener(parsed(address), Sharing::ReusePort, 128, 0);
  EXPECT_TRUE(listener.ok()) << listener.error().what;
  const int seconds = 30;
  EXPECT_EQ(::setsockopt(listener->get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds),
            0);
  return std::move(listener).value();
}

Handshakes handshakes_of(const UniqueFd& listener) {
  auto found = handshakes_under_way(address_of(listener).port());
  EXPECT_TRUE(found.ok()) << found.error().what;
  return found.ok() ? std::move(found).value() : Handshakes();
}

TEST(Handshakes, AreSeenUntilTheyAreThrough) {
  for (const char* address : {"127.0.0.1:0", "[::1]:0"}) {
    const UniqueFd listener = deferring_listener(address);
    EXPECT_TRUE(handshakes_of(listener).empty());
    const UniqueFd silent = connect_to(address_of(listener));
    const UniqueFd other = connect_to(address_of(listener));
    ASSERT_TRUE(silent);
    ASSERT_TRUE(other);
    const Handshakes before = handshakes_of(listener);
    EXPECT_EQ(before.size(), 2U) << address;
    EXPECT_TRUE(any_left(before, handshakes_of(listener)));
    ASSERT_EQ(::write(silent.get(), "x", 1), 1);
    EXPECT_TRUE(any_left(before, handshakes_of(listener))) << "the other one is left";
    ASSERT_EQ(::write(other.get(), "x", 1), 1);
    ASSERT_TRUE(wait_readable(listener.get()));
    EXPECT_FALSE(any_left(before, handshakes_of(listener)));
    EXPECT_EQ(accept_all(listener), 2);
  }
}

TEST(Handshakes, OfAnIpv4ClientOfADualStackSocketAreSeen) {
  const UniqueFd listener = deferring_listener("[::]:0");
  const std::string port = std::to_string(address_of(listener).port());
  const UniqueFd client = connect_to(parsed("127.0.0.1:" + port));
  ASSERT_TRUE(client) << "net.ipv6.bindv6only is set?";
  EXPECT_EQ(handshakes_of(listener).size(), 1U);
}

TEST(Handshakes, OfOtherPortsAreLeftOut) {
  const UniqueFd listener = deferring_listener("127.0.0.1:0");
  const UniqueFd other = deferring_listener("127.0.0.1:0");
  const UniqueFd client = connect_to(address_of(other));
  EXPECT_TRUE(handshakes_of(listener).empty());
  EXPECT_EQ(handshakes_of(other).size(), 1U);
}

TEST(Handshakes, NewOnesDoNotMatter) {
  EXPECT_FALSE(any_left({}, {}));
  EXPECT_FALSE(any_left({}, {"new"}));
  EXPECT_FALSE(any_left({"old"}, {"new"}));
  EXPECT_TRUE(any_left({"gone", "old"}, {"new", "old"}));
}

}  // namespace
}  // namespace sockherd::sys
