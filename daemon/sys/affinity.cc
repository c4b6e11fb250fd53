#include "daemon/sys/affinity.h"

#include <sched.h>

namespace sockherd::sys {

std::vector<uint32_t> allowed_cpus() {
  cpu_set_t set;
  std::vector<uint32_t> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Result<void> pin_to(uint32_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) return errno_error("sched_setaffinity");
  return {};
}

}  // namespace sockherd::sys
