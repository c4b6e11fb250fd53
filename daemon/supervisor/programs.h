// Where sockherd's other programs are: beside its own binary (a build tree), else in
// ../libexec/sockherd from there (installed).
#pragma once

#include <string>

#include "daemon/base/result.h"

namespace sockherd::supervisor {

// The path of "sockherd-worker" or "sockherd-admin". Errors: none of the places has it.
Result<std::string> find_program(const std::string& name);

}  // namespace sockherd::supervisor
