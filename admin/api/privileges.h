// Privileges: gives up for good what this process may still have.
#pragma once

#include <string>
#include <vector>

namespace sockherd::api {

// No new privileges by exec, no ambient, inheritable, permitted or effective capability. The
// supervisor has done the greater part; this is the second lock. Returns what the kernel refused:
// worth a warning, no reason to stop.
std::vector<std::string> drop_privileges();

}  // namespace sockherd::api
