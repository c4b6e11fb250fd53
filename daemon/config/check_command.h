// Rules between options of programs that are not ours, and of the proxies in front of them. Pure.
#pragma once

#include "daemon/config/config.h"
#include "daemon/config/report.h"

namespace sockherd::config {

// What a pool of that kind may say, and what only it may say.
void check_command(const Pool& pool, Report& report);

// Whom the proxy routes of a pool ask.
void check_proxies(const Config& config, const Pool& pool, Report& report);

// That not more threads ask the same upstreams than can be counted (contract/upstream_file.h).
void check_askers(const Config& config, Report& report);

// Who is asked by nobody.
void check_is_asked(const Config& config, const Pool& pool, Report& report);

}  // namespace sockherd::config
