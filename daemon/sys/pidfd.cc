#include "daemon/sys/pidfd.h"

#include <poll.h>
#include <sys/types.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "daemon/base/parse.h"

extern "C" {  // which the header itself forgets in glibc 2.36
#include <sys/pidfd.h>
}

namespace sockherd::sys {

Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(::pidfd_open(pid, 0));
  if (!fd) return errno_error("pidfd_open");
  return fd;
}

Result<pid_t> pid_of(int pidfd) {
  pollfd ended{.fd = pidfd, .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, 0) != 0) return Error{ESRCH, "the process has ended"};
  // The "Pid:" line is that of a pidfd only; -1 once it has been reaped (proc(5)).
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(pidfd));
  constexpr std::string_view kField = "Pid:\t";
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with(kField)) continue;
    const auto pid = parse_number<pid_t>(std::string_view(line).substr(kField.size()));
    if (pid && *pid > 0) return *pid;
  }
  return Error{ESRCH, "not a descriptor of a living process"};
}

Result<void> send_signal(int pidfd, int signal) {
  if (::pidfd_send_signal(pidfd, signal, nullptr, 0) != 0) return errno_error("pidfd_send_signal");
  return {};
}

}  // namespace sockherd::sys
