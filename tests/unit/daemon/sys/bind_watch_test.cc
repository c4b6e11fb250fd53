#include "daemon/sys/bind_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "daemon/sys/listen_socket.h"
#include "daemon/sys/spawn.h"

namespace sockherd::sys {
namespace {

SocketAddress address(const std::string& text) {
  return SocketAddress::parse(text).value();
}

TEST(MeansListener, IsTheSamePortAndAHostThatFits) {
  struct Case {
    const char* wanted;
    const char* ours;
    bool means_it;
  };
  const Case cases[] = {
      {"127.0.0.1:80", "127.0.0.1:80", true},
      {"0.0.0.0:80", "[::]:80", true},
      {"[::]:80", "0.0.0.0:80", true},
      {"127.0.0.1:80", "[::]:80", true},
      {"0.0.0.0:80", "10.0.0.1:80", true},
      {"[::1]:80", "127.0.0.1:80", true},
      {"[::ffff:10.0.0.1]:80", "10.0.0.1:80", true},
      {"10.0.0.2:80", "10.0.0.1:80", false},
      {"127.0.0.1:80", "10.0.0.1:80", false},
      {"127.0.0.1:81", "127.0.0.1:80", false},
      {"127.0.0.1:0", "127.0.0.1:80", false},
      {"unix:/x", "127.0.0.1:80", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(means_listener(address(c.wanted), address(c.ours)), c.means_it)
        << c.wanted << " " << c.ours;
  }
}

// A child that is watched, and what it makes of it as its exit status.
class Watched {
 public:
  explicit Watched(const std::function<int()>& program) {
    BindReport report = create_bind_report().value();
    const int theirs = report.theirs.get();
    pid_ = fork_to([&] {
             start_bind_watch(theirs);
             return program();
           }).value();
    report.theirs.reset();
    await(report.ours.get());
    auto watch = receive_bind_watch(report.ours.get());
    if (watch.ok()) listener_ = std::move(watch).value();
    error_ = watch.ok() ? "" : watch.error().what;
  }

  bool is_watched() const { return static_cast<bool>(listener_); }
  const std::string& error() const { return error_; }
  int listener() const { return listener_.get(); }
  HeldCall next() {
    await(listener_.get());
    return receive_call(listener_.get()).value();
  }
  int status() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static void await(int fd) {
    pollfd polled{fd, POLLIN, 0};
    ::poll(&polled, 1, 10'000);
  }

  pid_t pid_ = -1;
  UniqueFd listener_;
  std::string error_;
};

TEST(BindWatch, PutsAnotherSocketInThePlaceOfTheOneThatIsBound) {
  const UniqueFd ours = bind_listener(address("127.0.0.1:0"), Sharing::ReusePort, 77, 0).value();
  const SocketAddress where = SocketAddress::of_socket(ours.get()).value();
  Watched child([&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(fd, where.get(), where.size()) != 0) return 1;  // taken: it would fail
    if (::listen(fd, 1) != 0) return 2;
    if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) return 3;
    return inode_of(fd) == inode_of(ours.get()) ? 0 : 4;
  });
  ASSERT_TRUE(child.is_watched()) << child.error();
  const HeldCall bind = child.next();
  EXPECT_EQ(bind.kind, HeldCall::Kind::Bind);
  EXPECT_EQ(address_of(bind).value()->text(), where.text());
  const HeldSocket socket = socket_of(bind).value();
  EXPECT_TRUE(socket.is_tcp);
  EXPECT_TRUE(socket.is_cloexec);
  EXPECT_FALSE(socket.is_nonblocking);
  EXPECT_NE(socket.inode, inode_of(ours.get()));
  EXPECT_TRUE(is_waiting(child.listener(), bind));
  ASSERT_TRUE(replace_descriptor(child.listener(), bind, ours.get(), socket.is_cloexec).ok());
  answer_done(child.listener(), bind);
  EXPECT_FALSE(is_waiting(child.listener(), bind));
  const HeldCall listen = child.next();
  EXPECT_EQ(listen.kind, HeldCall::Kind::Listen);
  EXPECT_EQ(socket_of(listen).value().inode, inode_of(ours.get()));
  answer_done(child.listener(), listen);
  EXPECT_EQ(child.status(), 0);
  EXPECT_EQ(accept_queue(ours.get()).limit, 77U);
  EXPECT_TRUE(is_hung_up(child.listener()));
  EXPECT_FALSE(receive_call(child.listener()));
}

TEST(BindWatch, LetsTheKernelDoEverythingElse) {
  Watched child([] {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 ? 0 : 1;
  });
  ASSERT_TRUE(child.is_watched()) << child.error();
  const HeldCall bind = child.next();
  const HeldSocket socket = socket_of(bind).value();
  EXPECT_FALSE(socket.is_tcp);
  EXPECT_TRUE(socket.is_nonblocking);
  go_on(child.listener(), bind);
  EXPECT_EQ(child.status(), 0);
}

// Found in review: behind it may be a server that never answers, and it was asked what it is.
TEST(BindWatch, WhatIsNoSocketIsNotTouched) {
  Watched child([] {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK) != 0) return 1;
    return ::listen(ends[0], 1) != 0 && errno == ENOTSOCK ? 0 : 2;
  });
  ASSERT_TRUE(child.is_watched()) << child.error();
  const HeldCall listen = child.next();
  const HeldSocket socket = socket_of(listen).value();
  EXPECT_EQ(socket.inode, 0U);
  EXPECT_FALSE(socket.is_nonblocking) << "nobody has looked";
  go_on(child.listener(), listen);
  EXPECT_EQ(child.status(), 0);
}

TEST(BindWatch, WhatIsNoAddressIsTheKernelsAffair) {
  Watched child([] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    return ::bind(fd, nullptr, sizeof(sockaddr_in)) != 0 && errno == EFAULT ? 0 : 1;
  });
  ASSERT_TRUE(child.is_watched()) << child.error();
  const HeldCall bind = child.next();
  EXPECT_FALSE(address_of(bind).value());
  go_on(child.listener(), bind);
  EXPECT_EQ(child.status(), 0);
}

TEST(BindWatch, OneCanNotBeWatchedTwice) {
  Watched outer([] {
    const BindReport report = create_bind_report().value();
    start_bind_watch(report.theirs.get());
    const auto second = receive_bind_watch(report.ours.get());
    return !second.ok() && second.error().code == EBUSY ? 0 : 1;
  });
  ASSERT_TRUE(outer.is_watched()) << outer.error();
  EXPECT_EQ(outer.status(), 0);
}

TEST(BindWatch, OneThatHasEndedSaysNothing) {
  BindReport report = create_bind_report().value();
  EXPECT_FALSE(receive_bind_watch(report.ours.get()).value());
  report.theirs.reset();
  EXPECT_EQ(receive_bind_watch(report.ours.get()).error().code, ECONNRESET);
}

}  // namespace
}  // namespace sockherd::sys
