// What tests of sockets share: clients, and code that runs as another user.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/sys/address.h"

namespace sockherd::sys {

constexpr uid_t kNobody = 65534;

inline SocketAddress parsed(std::string_view text) {
  auto address = SocketAddress::parse(text);
  EXPECT_TRUE(address.ok()) << address.error().what;
  return std::move(address).value();
}

inline SocketAddress address_of(const UniqueFd& socket) {
  auto address = SocketAddress::of_socket(socket.get());
  EXPECT_TRUE(address.ok());
  return std::move(address).value();
}

// A blocking client that has connected, within 10 s, or an empty descriptor with errno set.
inline UniqueFd connect_to(const SocketAddress& address) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{10, 0};
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
  if (::connect(fd.get(), address.get(), address.size()) != 0) return {};
  return fd;
}

// Waits until `fd` is readable. True within 10 s.
inline bool wait_readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 10'000) == 1;
}

// Takes one waiting connection, or nothing.
inline UniqueFd accept_one(const UniqueFd& listener) {
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

// Accepts until nothing waits any more; how many there were.
inline int accept_all(const UniqueFd& listener) {
  int count = 0;
  while (accept_one(listener)) ++count;
  return count;
}

// Runs `body` in a child that is another user without any capability, and answers what it says.
inline std::string as_user(uid_t uid, const std::function<std::string()>& body) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(::fcntl(ends[1], F_DUPFD_CLOEXEC, 100));  // out of the way of the low numbers
  ::close(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::string said = "can not change the user";
    if (::setgroups(0, nullptr) == 0 && ::setresgid(uid, uid, uid) == 0 &&
        ::setresuid(uid, uid, uid) == 0) {
      said = body();
    }
    const ssize_t written = ::write(write_end.get(), said.data(), said.size());
    ::_exit(written < 0 ? 1 : 0);
  }
  write_end.reset();
  std::string said;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<size_t>(got));
  }
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  return said;
}

}  // namespace sockherd::sys

// What follows is about other users, and only root can become one. Without it the test fails: the
// uid rule is a promise, and a check that is left out proves nothing.
#define REQUIRE_ROOT() ASSERT_EQ(::geteuid(), 0U) << "changes users: run it as root"
