#include "daemon/sys/notify.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <string>

namespace sockherd::sys {

Result<void> notify(std::string_view state) {
  const int sent = ::sd_notify(/*unset_environment=*/0, std::string(state).c_str());
  if (sent < 0) return errno_error("sd_notify", -sent);
  return {};
}

Result<void> notify_with_fd(std::string_view state, int fd) {
  const int sent =
      ::sd_pid_notify_with_fds(0, /*unset_environment=*/0, std::string(state).c_str(), &fd, 1);
  if (sent < 0) return errno_error("sd_pid_notify_with_fds", -sent);
  if (sent == 0) return Error{0, "NOTIFY_SOCKET is not set"};
  return {};
}

bool has_manager() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  return socket != nullptr && *socket != '\0';
}

}  // namespace sockherd::sys
