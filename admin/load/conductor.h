// Conductor: starts the processes of a load, leads them through its phases, and sums up.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "admin/load/board.h"
#include "admin/load/machine.h"
#include "admin/load/plan.h"
#include "admin/load/report.h"

namespace sockherd::load {

// Called several times a second; for who wants to show something meanwhile.
using Watching = std::function<void(const Progress&)>;

// Runs it to the end, or until SIGINT or SIGTERM: then what there is by then is told. Requires:
// the plan is complete, and this process has one thread.
Result<Report> conduct(const Plan& plan, const Watching& watching);

}  // namespace sockherd::load
