#include "daemon/sys/random.h"

#include <sys/random.h>

#include "daemon/base/assert.h"

namespace sockherd::sys {

// So few bytes fail only before the kernel is seeded, and then they wait.
uint64_t random_number() {
  uint64_t number = 0;
  SH_ASSERT(::getrandom(&number, sizeof number, 0) == sizeof number);
  return number;
}

}  // namespace sockherd::sys
