// Loads a module: a shared object with the symbol `sockherd_module`.
#pragma once

#include <sockherd/abi.h>

#include <string>

#include "daemon/base/result.h"

namespace sockherd::module {

// Stays loaded as long as the process lives. Blocks on the file system, and runs the constructors
// of the module. Errors: with the file, what was found, what is wanted and the remedy.
Result<app::ModuleHeader> load_module(const std::string& path);

}  // namespace sockherd::module
