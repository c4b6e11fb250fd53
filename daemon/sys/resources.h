// What this process may use: CPUs and descriptors.
#pragma once

#include <string>

#include "daemon/base/result.h"

namespace sockherd::sys {

// CPUs that this service may use: its affinity mask, and no more than its cgroup's quota (cpu.max,
// rounded up). At least 1.
unsigned usable_cpus();

// The quota in a cgroup v2 cpu.max file ("max 100000", "150000 100000"), in CPUs rounded up; 0 =
// none.
unsigned quota_cpus(const std::string& cpu_max);

struct DescriptorLimit {
  unsigned long soft = 0;  // as it was before raise_descriptor_limit
  unsigned long hard = 0;
};

// Raises the soft limit of descriptors to the hard one, as systemd.exec(5) asks of programs that
// can take it, and says what it was.
Result<DescriptorLimit> raise_descriptor_limit();

}  // namespace sockherd::sys
