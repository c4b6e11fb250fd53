#include "daemon/sys/notify_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "daemon/base/parse.h"
#include "daemon/sys/address.h"

namespace sockherd::sys {
namespace {

// Nobody means more, and a number near the end of its type would overflow as nanoseconds.
constexpr std::chrono::microseconds kLongestExtension = std::chrono::hours(24);

}  // namespace

Notification parse_notification(std::string_view message) {
  Notification said;
  while (!message.empty()) {
    const size_t end = message.find('\n');
    const std::string_view line = message.substr(0, end);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    if (line == "READY=1") {
      said.ready = true;
    } else if (line == "STOPPING=1") {
      said.stopping = true;
    } else if (line == "WATCHDOG=1") {
      said.beats = true;
    } else if (line == "WATCHDOG=trigger") {
      said.is_hung = true;
    } else if (line.starts_with("STATUS=")) {
      said.status = line.substr(7);
    } else if (line.starts_with("EXTEND_TIMEOUT_USEC=")) {
      if (const auto usec = parse_number<int64_t>(line.substr(20)); usec && *usec > 0) {
        said.extend_timeout = std::min(std::chrono::microseconds(*usec), kLongestExtension);
      }
    }
  }
  return said;
}

Result<NotifySocket> NotifySocket::create(std::string path) {
  const SocketAddress address = TRY(SocketAddress::parse("unix:" + path));
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  ::unlink(path.c_str());
  if (::bind(fd.get(), address.get(), address.size()) != 0) return errno_error("bind " + path);
  NotifySocket socket(std::move(fd), std::move(path));
  const int on = 1;
  if (::setsockopt(socket.fd_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    return errno_error("SO_PASSCRED");
  }
  // A worker may run as another user; who it was is asked of each message.
  if (::chmod(socket.path_.c_str(), 0666) != 0) return errno_error("chmod " + socket.path_);
  return socket;
}

NotifySocket::NotifySocket(NotifySocket&& other) noexcept
    : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}

NotifySocket& NotifySocket::operator=(NotifySocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

NotifySocket::~NotifySocket() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::optional<Notification> NotifySocket::peek() const {
  std::array<char, 4096> buffer{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(fd_.get(), &message, MSG_PEEK | MSG_CMSG_CLOEXEC);
  if (got < 0) return std::nullopt;
  Notification said = parse_notification({buffer.data(), static_cast<size_t>(got)});
  for (cmsghdr* part_of = CMSG_FIRSTHDR(&message); part_of != nullptr;
       part_of = CMSG_NXTHDR(&message, part_of)) {
    if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_CREDENTIALS) continue;
    ucred who{};
    std::memcpy(&who, CMSG_DATA(part_of), sizeof who);
    said.sender = who.pid;
    said.sender_uid = who.uid;
  }
  return said;
}

void NotifySocket::drop() {
  char byte = 0;
  [[maybe_unused]] const ssize_t got = ::recv(fd_.get(), &byte, sizeof byte, 0);
}

std::optional<Notification> NotifySocket::receive() {
  auto said = peek();
  if (said) drop();
  return said;
}

}  // namespace sockherd::sys
