#include "daemon/sys/door.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "daemon/sys/handshakes.h"
#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {
namespace {

UniqueFd listener_at(const char* address) {
  auto listener = bind_listener(parsed(address), Sharing::ReusePort, 128, 0);
  EXPECT_TRUE(listener.ok()) << listener.error().what;
  return std::move(listener).value();
}

// Has begun to connect.
UniqueFd knock(const UniqueFd& listener) {
  UniqueFd fd(
      ::socket(address_of(listener).family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const SocketAddress address = address_of(listener);
  EXPECT_TRUE(::connect(fd.get(), address.get(), address.size()) == 0 || errno == EINPROGRESS);
  return fd;
}

// Whether it is connected or refused within that time.
bool is_answered(const UniqueFd& client, int ms) {
  pollfd entry{client.get(), POLLOUT, 0};
  return ::poll(&entry, 1, ms) == 1;
}

int error_of(const UniqueFd& client) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

class DoorAt : public testing::TestWithParam<const char*> {};

TEST_P(DoorAt, ClosedRefusesWhoKnocksUntilItIsOpenedAgain) {
  const UniqueFd listener = listener_at(GetParam());
  ASSERT_TRUE(close_door(listener.get()).ok());
  const UniqueFd client = knock(listener);
  EXPECT_TRUE(is_answered(client, 10'000));
  EXPECT_EQ(error_of(client), ECONNREFUSED);
  if (::geteuid() != 0) {
    EXPECT_EQ(open_door(listener.get()).error().code, EPERM);
    return;
  }
  ASSERT_TRUE(open_door(listener.get()).ok());
  EXPECT_TRUE(connect_to(address_of(listener)));
}

TEST_P(DoorAt, WhoWaitsInTheQueueStays) {
  const UniqueFd listener = listener_at(GetParam());
  const UniqueFd client = connect_to(address_of(listener));
  ASSERT_EQ(::write(client.get(), "early", 5), 5);
  ASSERT_TRUE(close_door(listener.get()).ok());
  ASSERT_EQ(::write(client.get(), "late", 4), 4);
  const UniqueFd served = accept_one(listener);
  ASSERT_TRUE(served);
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  std::string said;
  char byte = 0;
  while (::read(served.get(), &byte, 1) == 1) said += byte;
  EXPECT_EQ(said, "earlylate") << "an accepted connection has no door";
}

// Deferred accept keeps the handshake under way until the client speaks.
TEST_P(DoorAt, AHandshakeThatHasBegunComesToItsEnd) {
  const UniqueFd listener = listener_at(GetParam());
  const int seconds = 30;
  ASSERT_EQ(::setsockopt(listener.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds),
            0);
  const UniqueFd client = connect_to(address_of(listener));
  ASSERT_EQ(handshakes_under_way(address_of(listener).port())->size(), 1U);
  ASSERT_TRUE(close_door(listener.get()).ok());
  ASSERT_EQ(::write(client.get(), "x", 1), 1);
  ASSERT_TRUE(wait_readable(listener.get()));
  EXPECT_EQ(accept_all(listener), 1);
}

INSTANTIATE_TEST_SUITE_P(Families, DoorAt, testing::Values("127.0.0.1:0", "[::1]:0"),
                         [](const auto& one) {
                           return std::string(one.param[0] == '[' ? "Ipv6" : "Ipv4");
                         });

TEST(Door, TwiceIsAsOnce) {
  const UniqueFd listener = listener_at("127.0.0.1:0");
  EXPECT_TRUE(open_door(listener.get()).ok()) << "it was never closed";
  EXPECT_TRUE(close_door(listener.get()).ok());
  EXPECT_TRUE(close_door(listener.get()).ok());
  if (::geteuid() != 0) return;
  EXPECT_TRUE(open_door(listener.get()).ok());
  EXPECT_TRUE(open_door(listener.get()).ok());
  EXPECT_TRUE(connect_to(address_of(listener)));
}

TEST(Door, OfWhatIsNoSocketIsAnError) {
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(close_door(file.get()).error().code, ENOTSOCK);
  EXPECT_EQ(open_door(file.get()).error().code, ENOTSOCK);
}

TEST(Door, ClosesWithoutAnyPrivilegeAndThenForGood) {
  REQUIRE_ROOT();
  const std::string said = as_user(kNobody, [] {
    const UniqueFd listener = listener_at("127.0.0.1:0");
    const UniqueFd early = connect_to(address_of(listener));
    if (!close_door(listener.get()).ok()) return std::string("not closed");
    const UniqueFd late = knock(listener);
    if (!is_answered(late, 10'000) || error_of(late) != ECONNREFUSED) return std::string("let in");
    if (accept_all(listener) != 1) return std::string("lost");
    return std::string(open_door(listener.get()).ok() ? "opened" : "closed");
  });
  EXPECT_EQ(said, "closed");
}

}  // namespace
}  // namespace sockherd::sys
