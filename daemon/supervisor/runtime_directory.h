// The runtime directory: where it is, and what a predecessor that was killed has left in it.
#pragma once

#include <functional>
#include <string>

#include "daemon/config/config.h"
#include "daemon/fleet/event.h"

namespace sockherd::supervisor {

// The option, else what the environment says (bus/control_path.h).
std::string runtime_directory(const config::Daemon& daemon);

// The default of admin.address names the usual directory; where ours is another one, so is the
// address that nobody has said.
void follow_runtime_directory(config::Config& config, bool is_address_said);

// Removes notify sockets and directories of workers that do not live any more.
void remove_stale_files(const std::string& directory,
                        const std::function<bool(fleet::WorkerId)>& is_living);

}  // namespace sockherd::supervisor
