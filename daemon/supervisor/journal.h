// The log lines of the fleet's transitions.
#pragma once

#include <sys/types.h>

#include "daemon/fleet/action.h"

namespace sockherd::supervisor {

// pid: of the worker it is about, 0 where there is none any more.
void log_transition(const fleet::Happened& happened, pid_t pid);

}  // namespace sockherd::supervisor
