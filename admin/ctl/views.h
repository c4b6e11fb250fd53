// What the daemon told, for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "admin/ctl/text.h"
#include "daemon/bus/dictionary.h"

namespace sockherd::ctl {

// unix_time: now, for "2h ago".
std::string view_status(const bus::Dictionary& status, double unix_time, Palette palette);
std::string view_pools(const std::vector<bus::Dictionary>& pools, Palette palette);
std::string view_workers(const std::vector<bus::Dictionary>& workers, Palette palette);
// One line an event, in columns that stay where they are from call to call; times in local time.
std::string view_events(const std::vector<bus::Dictionary>& events, Palette palette);
std::string view_listeners(const std::vector<bus::Dictionary>& listeners, Palette palette);

}  // namespace sockherd::ctl
