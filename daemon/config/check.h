// What a configuration must hold as a whole, beyond each option by itself. Pure.
#pragma once

#include "daemon/config/config.h"
#include "daemon/config/report.h"

namespace sockherd::config {

// Adds a fault for each contradiction. Options that have a fault of their own are not blamed twice.
void check(const Config& config, Report& report);

// What is wrong with the name of a listener or pool; empty if nothing is.
std::string name_fault(std::string_view name);

}  // namespace sockherd::config
