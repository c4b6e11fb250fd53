// The options of the verbs bench http and bench ws, as a plan of admin/load.
#pragma once

#include "admin/ctl/request.h"
#include "admin/load/plan.h"
#include "daemon/base/result.h"

namespace sockherd::ctl {

// Errors: Exit::Usage for what makes no sense, Exit::Failed for a host that nobody knows.
Result<load::Plan> plan_of(const Request& request, load::Protocol protocol);

}  // namespace sockherd::ctl
