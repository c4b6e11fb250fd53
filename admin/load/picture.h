// The picture of a load, as SVG: how latency is distributed, and what happened over time. Pure.
#pragma once

#include <string>

#include "admin/load/report.h"

namespace sockherd::load {

std::string draw(const Report& report);

}  // namespace sockherd::load
