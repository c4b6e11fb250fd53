// Numbers that nobody can guess (getrandom(2)).
#pragma once

#include <cstdint>

namespace sockherd::sys {

uint64_t random_number();

}  // namespace sockherd::sys
