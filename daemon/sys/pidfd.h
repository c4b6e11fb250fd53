// Processes by pidfd (pidfd_open(2)): a handle that never means another process, whatever becomes
// of the number.
#pragma once

#include <sys/types.h>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

Result<UniqueFd> open_pidfd(pid_t pid);

// The process of a pidfd that lives. Errors: ESRCH for one that has ended.
Result<pid_t> pid_of(int pidfd);

// Errors: ESRCH for a process that has ended.
Result<void> send_signal(int pidfd, int signal);

}  // namespace sockherd::sys
