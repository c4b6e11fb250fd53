// The header of a module: bytes of a file that somebody names, checked before anything of it is
// called. Pure.
#pragma once

#include <sockherd/abi.h>

#include <cstddef>
#include <span>

#include "daemon/base/result.h"

namespace sockherd::module {

// bytes: what the symbol `sockherd_module` stands for.
// Errors: not a module, or one of another interface, C++ ABI or build: what was found, what is
// wanted, what to do.
Result<app::ModuleHeader> read_header(std::span<const std::byte> bytes);

}  // namespace sockherd::module
