#include "daemon/sys/packet_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sockherd::sys {
namespace {

constexpr size_t kMostBytes = 4096;
constexpr size_t kMostDescriptors = 16;  // more than anybody sends; beyond it the kernel drops them

// Takes over all descriptors of the message, and keeps the first.
UniqueFd take_descriptors(msghdr& message) {
  UniqueFd first;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      UniqueFd fd(number);
      if (!first) first = std::move(fd);
    }
  }
  return first;
}

// An empty packet reads like the end: only poll(2) can tell them apart.
bool has_hung_up(int fd) {
  pollfd entry{fd, 0, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
}

PacketState state_of_error(int code) {
  if (code == EAGAIN || code == EWOULDBLOCK || code == EINTR) return PacketState::None;
  // The other side closed with packets of ours unread (unix_release_sock).
  return code == ECONNRESET ? PacketState::HungUp : PacketState::Failed;
}

}  // namespace

Result<PacketPair> create_packet_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return errno_error("socketpair");
  }
  return PacketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<void> send_packet(int fd, std::string_view bytes, int passed) {
  // iovec has no const: sendmsg(2) does not write through it.
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (passed >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  if (::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return errno_error("sendmsg");
  return {};
}

// POLLOUT comes while at most a quarter of the socket's buffer is in use (unix_writable).
bool has_room(int fd) {
  pollfd entry{fd, POLLOUT, 0};
  return ::poll(&entry, 1, 0) == 1 && entry.revents == POLLOUT;
}

Packet receive_packet(int fd) {
  std::array<char, kMostBytes> bytes;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control;
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  Packet packet;
  if (got < 0) {
    packet.state = state_of_error(errno);
    return packet;
  }
  packet.fd = take_descriptors(message);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    packet.fd.reset();
    packet.state = PacketState::Failed;
  } else if (got == 0 && has_hung_up(fd)) {
    packet.state = PacketState::HungUp;
  } else {
    packet.state = PacketState::Packet;
    packet.bytes.assign(bytes.data(), static_cast<size_t>(got));
  }
  return packet;
}

}  // namespace sockherd::sys
