// Telling the service manager: sd_notify(3). The manager of sockherd is systemd, that of a worker
// is sockherd; both listen at NOTIFY_SOCKET.
#pragma once

#include <string_view>

#include "daemon/base/result.h"

namespace sockherd::sys {

// Sends `state`, lines such as "READY=1\nSTATUS=serving". Without NOTIFY_SOCKET nothing is sent,
// and that is no error: there is no manager.
Result<void> notify(std::string_view state);

// The same, with a copy of a descriptor (FDSTORE=1). Errors: also where there is no NOTIFY_SOCKET.
Result<void> notify_with_fd(std::string_view state, int fd);

// Whether there is a manager to tell.
bool has_manager();

}  // namespace sockherd::sys
