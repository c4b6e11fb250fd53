#include "daemon/worker/reset.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "tests/unit/daemon/io/loopback.h"

namespace sockherd::worker {
namespace {

TEST(Reset, ReachesAPeerThatHasTakenNothing) {
  const UniqueFd listener = io::listen_on_loopback();
  const UniqueFd peer = io::connect_to(listener.get());
  UniqueFd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const std::string text(size_t{1} << 20, 'x');
  while (::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0) {
  }
  drop_unsent_at_close(fd.get());
  fd.reset();
  int error = 0;
  socklen_t size = sizeof error;
  EXPECT_EQ(::getsockopt(peer.get(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
  EXPECT_EQ(error, ECONNRESET);
}

}  // namespace
}  // namespace sockherd::worker
