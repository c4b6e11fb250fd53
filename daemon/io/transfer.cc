#include "daemon/io/transfer.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace sockherd::io {
namespace {

// EINTR does not come: signals are blocked and read from a descriptor.
Outcome outcome_of(ssize_t result, State at_zero) {
  if (result > 0) return {State::Done, static_cast<size_t>(result)};
  if (result == 0) return {at_zero, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {State::Blocked, 0};
  return {State::Failed, 0};
}

// As above, where what waits for an answer must not wait for ever.
Outcome outcome_of_send(int fd, ssize_t result) {
  const Outcome outcome = outcome_of(result, State::Blocked);
  if (outcome.state == State::Failed) end_unless_broken(fd, errno);
  return outcome;
}

}  // namespace

void end_unless_broken(int fd, int error) {
  if (error != EPIPE && error != ECONNRESET) ::shutdown(fd, SHUT_RDWR);
  errno = error;  // for whoever asks why; the shutdown has one of its own if nobody was connected
}

Outcome receive(int fd, std::span<char> room) {
  return outcome_of(::recv(fd, room.data(), room.size(), 0), State::Ended);
}

Outcome send(int fd, std::string_view bytes, Follows follows) {
  const int flags = MSG_NOSIGNAL | (follows == Follows::More ? MSG_MORE : 0);
  return outcome_of_send(fd, ::send(fd, bytes.data(), bytes.size(), flags));
}

Outcome send_two(int fd, std::string_view first, std::string_view second) {
  // iovec has no const: sendmsg(2) does not write through it.
  std::array<iovec, 2> parts = {iovec{const_cast<char*>(first.data()), first.size()},
                                iovec{const_cast<char*>(second.data()), second.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return outcome_of_send(fd, ::sendmsg(fd, &message, MSG_NOSIGNAL));
}

Outcome send_file(int fd, int file, uint64_t offset, uint64_t count) {
  constexpr uint64_t kMost = 1 << 30;  // sendfile(2) moves at most 2 GiB - 4 KiB
  auto from = static_cast<off_t>(offset);
  return outcome_of(::sendfile(fd, file, &from, std::min(count, kMost)), State::Ended);
}

uint64_t unsent_bytes(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
}

void shut_down_sending(int fd) {
  ::shutdown(fd, SHUT_WR);
}

}  // namespace sockherd::io
