// Socket activation, the receiving side: what LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES pass on.
//
// The supervisor gets its sockets this way from systemd, and a worker gets its own from the
// supervisor. sd_listen_fds_with_names(3).
#pragma once

#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

struct PassedFd {
  std::string name;  // FileDescriptorName=; names may repeat, and their order means nothing
  UniqueFd fd;
};

// Takes over every descriptor passed to this process (none if LISTEN_PID is somebody else's) and
// removes the variables, so that no child believes they are for it. The descriptors are
// close-on-exec.
Result<std::vector<PassedFd>> take_passed_fds();

}  // namespace sockherd::sys
