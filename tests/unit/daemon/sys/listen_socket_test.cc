#include "daemon/sys/listen_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>

#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::sys {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int kBacklog = 500;

UniqueFd bound(const SocketAddress& address, Sharing sharing = Sharing::ReusePort) {
  auto fd = bind_listener(address, sharing, kBacklog, 0600);
  EXPECT_TRUE(fd.ok()) << fd.error().what;
  return fd.ok() ? std::move(fd).value() : UniqueFd();
}

std::string bind_failure(const SocketAddress& address, Sharing sharing = Sharing::ReusePort) {
  auto fd = bind_listener(address, sharing, kBacklog, 0600);
  return fd.ok() ? "bound" : fd.error().what;
}

UniqueFd cloned(const UniqueFd& original) {
  auto fd = clone_listener(original.get());
  EXPECT_TRUE(fd.ok()) << fd.error().what;
  return fd.ok() ? std::move(fd).value() : UniqueFd();
}

// A listening socket as another program makes it: none of our options.
UniqueFd plain_listener() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const SocketAddress any = parsed("127.0.0.1:0");
  EXPECT_EQ(::bind(fd.get(), any.get(), any.size()), 0);
  EXPECT_EQ(::listen(fd.get(), kBacklog), 0);
  return fd;
}

void set_option(const UniqueFd& fd, int level, int option, int value) {
  ASSERT_EQ(::setsockopt(fd.get(), level, option, &value, sizeof value), 0);
}

int get_option(const UniqueFd& fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(fd.get(), level, option, &value, &size), 0);
  return value;
}

// Connects so often, and says how many connections each of two sockets got.
std::pair<int, int> shares(const UniqueFd& one, const UniqueFd& other, int connections) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < connections; ++i) clients.push_back(connect_to(address_of(one)));
  return {accept_all(one), accept_all(other)};
}

TEST(BindListener, ListensWithoutBlockingAndClosesOnExec) {
  const UniqueFd fd = bound(parsed("127.0.0.1:0"));
  EXPECT_TRUE(check_listener(fd.get()).ok());
  EXPECT_NE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(connect_to(address_of(fd)));
  EXPECT_TRUE(accept_one(fd));
}

TEST(BindListener, ExclusiveRefusesASecondOneAndNamesTheUser) {
  const UniqueFd first = bound(parsed("127.0.0.1:0"), Sharing::Exclusive);
  const SocketAddress address = address_of(first);
  const std::string start = "listen on " + address.text() + ": bind: Address already in use";
  for (const Sharing sharing : {Sharing::Exclusive, Sharing::ReusePort}) {
    EXPECT_THAT(bind_failure(address, sharing),
                AllOf(StartsWith(start), HasSubstr("(uid " + std::to_string(::geteuid()) + ")"),
                      HasSubstr("stop the other program or choose another port")));
  }
}

TEST(BindListener, ExclusiveDoesNotJoinAGroup) {
  const UniqueFd member = bound(parsed("[::1]:0"));
  EXPECT_THAT(bind_failure(address_of(member), Sharing::Exclusive),
              HasSubstr("Address already in use"));
}

TEST(BindListener, TakesAPortBackWhoseConnectionsAreInTimeWait) {
  UniqueFd first = bound(parsed("127.0.0.1:0"), Sharing::Exclusive);
  const SocketAddress address = address_of(first);
  UniqueFd client = connect_to(address);
  accept_one(first).reset();  // the server's end closes first and gets the TIME_WAIT
  client.reset();
  first.reset();
  EXPECT_EQ(bind_failure(address, Sharing::Exclusive), "bound");
}

TEST(BindListener, SaysWhichAddressCanNotBe) {
  EXPECT_THAT(bind_failure(parsed("192.0.2.1:0")),
              AllOf(StartsWith("listen on 192.0.2.1:0: bind: "), HasSubstr("Cannot assign")));
}

TEST(BindListener, TellsAnotherUserOfTheUidRule) {
  REQUIRE_ROOT();
  const UniqueFd ours = bound(parsed("127.0.0.1:0"));
  const SocketAddress address = address_of(ours);
  const std::string said = as_user(kNobody, [&] { return bind_failure(address); });
  EXPECT_THAT(said, AllOf(HasSubstr("Address already in use"), HasSubstr("root (uid 0)"),
                          HasSubstr("uid rule"), HasSubstr("(uid 65534)"),
                          HasSubstr("systemd socket unit")));
}

TEST(BindListener, TellsThatAPrivilegedPortNeedsACapability) {
  REQUIRE_ROOT();
  const std::string said = as_user(kNobody, [] { return bind_failure(parsed("127.0.0.1:1")); });
  int first_free_port = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free_port;
  if (first_free_port <= 1) {  // some containers leave every port to everybody
    EXPECT_EQ(said, "bound");
    return;
  }
  EXPECT_THAT(said, AllOf(HasSubstr("Permission denied"), HasSubstr("CAP_NET_BIND_SERVICE")));
}

class UnixListener : public testing::Test {
 protected:
  worker::TemporaryDirectory directory_;
  SocketAddress address_ = parsed("unix:" + directory_.path("s"));

  mode_t mode_of_node() {
    struct stat st {};
    EXPECT_EQ(::stat(directory_.path("s").c_str(), &st), 0);
    return st.st_mode & 0777;
  }
};

TEST_F(UnixListener, HasTheModeFromBirthAndLeavesTheMaskAlone) {
  const mode_t mask = ::umask(077);
  for (const mode_t mode : {0600U, 0660U, 0666U, 0700U}) {
    auto fd = bind_listener(address_, Sharing::Exclusive, kBacklog, mode);
    ASSERT_TRUE(fd.ok()) << fd.error().what;
    EXPECT_EQ(mode_of_node(), mode);
  }
  EXPECT_EQ(::umask(mask), 077U);
}

TEST_F(UnixListener, ReplacesOneThatNobodyListensOn) {
  bound(address_).reset();
  const UniqueFd second = bound(address_);
  EXPECT_TRUE(connect_to(address_));
  EXPECT_TRUE(accept_one(second));
}

TEST_F(UnixListener, DoesNotReplaceOneThatAnswers) {
  const UniqueFd first = bound(address_);
  EXPECT_THAT(bind_failure(address_),
              AllOf(StartsWith("listen on unix:"), HasSubstr("Address already in use")));
  accept_all(first);
  EXPECT_TRUE(connect_to(address_)) << "the first one is still there";
}

TEST_F(UnixListener, DoesNotReplaceOneWhoseQueueIsFull) {
  auto full = bind_listener(address_, Sharing::Exclusive, 0, 0600);
  ASSERT_TRUE(full.ok());
  const UniqueFd waiting = connect_to(address_);
  ASSERT_TRUE(waiting);
  EXPECT_THAT(bind_failure(address_), HasSubstr("Address already in use"));
}

TEST_F(UnixListener, DoesNotReplaceAFileThatIsNoSocket) {
  directory_.write("s", "precious");
  EXPECT_THAT(bind_failure(address_), HasSubstr("Address already in use"));
  EXPECT_EQ(mode_of_node() & 0400, 0400U);
}

TEST_F(UnixListener, HasNoAcceptQueueToTellAndNoClones) {
  const UniqueFd fd = bound(address_);
  EXPECT_TRUE(check_listener(fd.get()).ok());
  EXPECT_EQ(accept_queue(fd.get()).limit, 0U);
  EXPECT_FALSE(clone_listener(fd.get()).ok());
}

TEST(CloneListener, JoinsTheGroupAndSharesTheTraffic) {
  const UniqueFd original = bound(parsed("127.0.0.1:0"));
  const UniqueFd clone = cloned(original);
  EXPECT_TRUE(address_of(clone) == address_of(original));
  EXPECT_TRUE(check_listener(clone.get()).ok());
  EXPECT_NE(::fcntl(clone.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(clone.get(), F_GETFD) & FD_CLOEXEC, 0);
  const auto [first, second] = shares(original, clone, 200);
  EXPECT_EQ(first + second, 200);
  EXPECT_GT(first, 40);
  EXPECT_GT(second, 40);
}

TEST(CloneListener, CopiesV6OnlyWithoutWhichItWouldGetNothing) {
  for (const int v6only : {0, 1}) {
    UniqueFd original(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    set_option(original, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
    set_option(original, SOL_SOCKET, SO_REUSEPORT, 1);
    const SocketAddress any = parsed("[::]:0");
    ASSERT_EQ(::bind(original.get(), any.get(), any.size()), 0);
    ASSERT_EQ(::listen(original.get(), kBacklog), 0);
    const UniqueFd clone = cloned(original);
    EXPECT_EQ(get_option(clone, IPPROTO_IPV6, IPV6_V6ONLY), v6only);
    EXPECT_GT(shares(original, clone, 100).second, 0);
  }
}

TEST(CloneListener, WorksForASocketThatWasBoundWithoutReusePort) {
  const UniqueFd original = plain_listener();
  const UniqueFd clone = cloned(original);
  const auto [first, second] = shares(original, clone, 200);
  EXPECT_EQ(first + second, 200);
  EXPECT_GT(first, 40);
  EXPECT_GT(second, 40);
}

TEST(CloneListener, HasTheBacklogOfItsOriginal) {
  const UniqueFd original = bound(parsed("127.0.0.1:0"));
  EXPECT_EQ(accept_queue(original.get()).limit, static_cast<uint32_t>(kBacklog));
  const UniqueFd clone = cloned(original);
  EXPECT_EQ(accept_queue(clone.get()).limit, static_cast<uint32_t>(kBacklog));
}

// Found in review: what a socket unit sets held for the connections of slot 0 only.
TEST(CloneListener, HandsTheSameOptionsOnToItsConnections) {
  const UniqueFd original = bound(parsed("127.0.0.1:0"));
  const struct {
    int level;
    int option;
    int value;
  } options[] = {
      {SOL_SOCKET, SO_KEEPALIVE, 1},   {IPPROTO_TCP, TCP_NODELAY, 1},
      {IPPROTO_TCP, TCP_KEEPIDLE, 77}, {IPPROTO_TCP, TCP_KEEPINTVL, 7},
      {IPPROTO_TCP, TCP_KEEPCNT, 3},   {SOL_SOCKET, SO_PRIORITY, 5},
      {IPPROTO_IP, IP_TOS, 0x10},      {IPPROTO_IP, IP_TTL, 9},
      {SOL_SOCKET, SO_RCVBUF, 50000},  {SOL_SOCKET, SO_SNDBUF, 40000},
  };
  for (const auto& [level, option, value] : options) set_option(original, level, option, value);
  ASSERT_EQ(::setsockopt(original.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
  const UniqueFd clone = cloned(original);
  for (const auto& [level, option, value] : options) {
    EXPECT_EQ(get_option(clone, level, option), get_option(original, level, option)) << option;
  }
  std::array<char, 16> name{};
  socklen_t size = name.size();
  ASSERT_EQ(::getsockopt(clone.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &size), 0);
  EXPECT_STREQ(name.data(), "reno");
}

TEST(CloneListener, LeavesDefaultsAlone) {
  const UniqueFd original = bound(parsed("127.0.0.1:0"));
  const UniqueFd clone = cloned(original);
  EXPECT_EQ(get_option(clone, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(get_option(clone, SOL_SOCKET, SO_RCVBUF), get_option(original, SOL_SOCKET, SO_RCVBUF));
}

TEST(CloneListener, IsGivenToTheOwnerOfItsOriginal) {
  REQUIRE_ROOT();
  const UniqueFd original = bound(parsed("127.0.0.1:0"));
  ASSERT_EQ(::fchown(original.get(), 1234, static_cast<gid_t>(-1)), 0);
  const UniqueFd clone = cloned(original);
  struct stat st {};
  ASSERT_EQ(::fstat(clone.get(), &st), 0);
  EXPECT_EQ(st.st_uid, 1234U);
  EXPECT_GT(shares(original, clone, 100).second, 0);
}

TEST(CloneListener, TellsAnotherUserOfTheCapabilityThatIsMissing) {
  REQUIRE_ROOT();
  const UniqueFd original = bound(parsed("127.0.0.1:0"));
  const std::string said = as_user(kNobody, [&] {
    const auto clone = clone_listener(original.get());
    return clone.ok() ? std::string("cloned") : clone.error().what;
  });
  EXPECT_THAT(said,
              AllOf(HasSubstr("fchown: Operation not permitted"), HasSubstr("root (uid 0)"),
                    HasSubstr("uid rule"), HasSubstr("CAP_CHOWN"), HasSubstr("ListenStream=")));
}

TEST(CloneListener, FailsForWhatIsNoSocket) {
  EXPECT_FALSE(clone_listener(-1).ok());
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(clone_listener(null.get()).ok());
}

TEST(CheckListener, TakesListeningStreamSocketsOnly) {
  const UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_THAT(check_listener(udp.get()).error().what, HasSubstr("not a TCP or Unix stream"));
  const UniqueFd idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_THAT(check_listener(idle.get()).error().what, HasSubstr("not a listening socket"));
  EXPECT_FALSE(check_listener(-1).ok());
}

TEST(MakeNonblocking, SetsTheFlagAndKeepsTheOthers) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  ASSERT_TRUE(make_nonblocking(write_end.get()).ok());
  EXPECT_EQ(::fcntl(write_end.get(), F_GETFL), O_WRONLY | O_NONBLOCK);
  EXPECT_FALSE(make_nonblocking(-1).ok());
}

TEST(MakePrompt, AcceptedConnectionsInheritIt) {
  const UniqueFd ours = bound(parsed("127.0.0.1:0"));
  const UniqueFd client = connect_to(address_of(ours));
  EXPECT_EQ(get_option(accept_one(ours), IPPROTO_TCP, TCP_NODELAY), 1);
  const UniqueFd foreign(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(make_prompt(foreign.get()).ok());
  EXPECT_EQ(get_option(foreign, IPPROTO_TCP, TCP_NODELAY), 1);
}

TEST_F(UnixListener, IsPromptAsItIs) {
  const UniqueFd listener = bound(address_);
  EXPECT_TRUE(make_prompt(listener.get()).ok());
}

TEST(AcceptQueue, CountsTheConnectionsThatWait) {
  const UniqueFd listener = bound(parsed("127.0.0.1:0"));
  EXPECT_EQ(accept_queue(listener.get()).length, 0U);
  std::vector<UniqueFd> clients;
  for (uint32_t i = 1; i <= 5; ++i) {
    clients.push_back(connect_to(address_of(listener)));
    EXPECT_EQ(accept_queue(listener.get()).length, i);
  }
  EXPECT_EQ(accept_all(listener), 5);
  EXPECT_EQ(accept_queue(listener.get()).length, 0U);
}

// --- what came back from somewhere, and is said to be a clone

UniqueFd tcp_listener(const SocketAddress& address, const std::function<void(int)>& prepare) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  prepare(fd.get());
  EXPECT_EQ(::bind(fd.get(), address.get(), address.size()), 0);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

TEST(CheckClone, ARealOneIsOne) {
  for (const char* address : {"127.0.0.1:0", "[::]:0"}) {
    const UniqueFd first = bind_listener(parsed(address), Sharing::ReusePort, 128, 0).value();
    const UniqueFd clone = clone_listener(first.get()).value();
    EXPECT_TRUE(check_clone(first.get(), clone.get()).ok());
    EXPECT_TRUE(check_clone(first.get(), first.get()).ok());
    EXPECT_NE(socket_cookie(first.get()), socket_cookie(clone.get()));
    const UniqueFd copy(::fcntl(clone.get(), F_DUPFD_CLOEXEC, 3));
    EXPECT_EQ(socket_cookie(copy.get()), socket_cookie(clone.get()));
  }
}

TEST(CheckClone, AnotherAddressIsNamed) {
  const UniqueFd first = bind_listener(parsed("127.0.0.1:0"), Sharing::ReusePort, 128, 0).value();
  const UniqueFd other = bind_listener(parsed("127.0.0.2:0"), Sharing::ReusePort, 128, 0).value();
  EXPECT_EQ(check_clone(first.get(), other.get()).error().what,
            "listens at " + address_of(other).text() + ", not at " + address_of(first).text());
}

TEST(CheckClone, AnotherV6OnlyIsRefused) {
  const UniqueFd first = bind_listener(parsed("[::]:0"), Sharing::ReusePort, 128, 0).value();
  const UniqueFd other = tcp_listener(address_of(first), [](int fd) {
    const int value = 1;
    EXPECT_EQ(::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof value), 0);
  });
  EXPECT_EQ(check_clone(first.get(), other.get()).error().what, "has another IPV6_V6ONLY");
}

TEST(CheckClone, AnotherDeviceIsRefused) {
  const UniqueFd first = bind_listener(parsed("127.0.0.1:0"), Sharing::ReusePort, 128, 0).value();
  const UniqueFd other = tcp_listener(address_of(first), [](int fd) {
    EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
  });
  EXPECT_EQ(check_clone(first.get(), other.get()).error().what, "has another SO_BINDTODEVICE");
}

// The kernel compares the users at the bind, and never again.
TEST(CheckClone, AnotherOwnerIsNamed) {
  REQUIRE_ROOT();
  const UniqueFd first = bind_listener(parsed("127.0.0.1:0"), Sharing::ReusePort, 128, 0).value();
  const UniqueFd other = clone_listener(first.get()).value();
  ASSERT_EQ(::fchown(other.get(), kNobody, static_cast<gid_t>(-1)), 0);
  const auto checked = check_clone(first.get(), other.get());
  ASSERT_FALSE(checked.ok());
  EXPECT_THAT(checked.error().what,
              testing::AllOf(testing::HasSubstr("belongs to"), testing::HasSubstr("uid 65534"),
                             testing::HasSubstr("not to root")));
}

TEST(CheckClone, WhatIsNoSocketIsAnError) {
  const UniqueFd first = bind_listener(parsed("127.0.0.1:0"), Sharing::ReusePort, 128, 0).value();
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(check_clone(first.get(), file.get()).ok());
  EXPECT_FALSE(check_clone(file.get(), first.get()).ok());
  EXPECT_EQ(socket_cookie(file.get()), 0U);
}

}  // namespace
}  // namespace sockherd::sys
