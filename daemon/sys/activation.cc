#include "daemon/sys/activation.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>

namespace sockherd::sys {

Result<std::vector<PassedFd>> take_passed_fds() {
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  if (count < 0) return errno_error("take the sockets of LISTEN_FDS", -count);
  std::vector<PassedFd> passed;
  for (int i = 0; i < count; ++i) {
    passed.push_back({names[i], UniqueFd(SD_LISTEN_FDS_START + i)});
    std::free(names[i]);  // allocated by libsystemd
  }
  std::free(names);
  return passed;
}

}  // namespace sockherd::sys
