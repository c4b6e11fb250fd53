#include "daemon/sys/journal_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace sockherd::sys {

Result<JournalSocket> JournalSocket::create(std::string path) {
  if (path.size() >= sizeof sockaddr_un{}.sun_path) return Error{ENAMETOOLONG, path};
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("socket");
  return JournalSocket(std::move(fd), std::move(path));
}

// By its path each time: a journal that was started anew has another socket there.
Result<void> JournalSocket::send(std::string_view entry) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  const ssize_t sent = ::sendto(fd_.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (sent < 0) return errno_error("send to the journal");
  return {};
}

}  // namespace sockherd::sys
