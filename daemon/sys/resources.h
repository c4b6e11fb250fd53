// What this process may use: CPUs and descriptors.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace sockherd::sys {

// CPUs that this service may use: its affinity mask, and no more than the quota of its cgroup.
// At least 1.
unsigned usable_cpus();

// The least quota (cpu.max) of the cgroup that `proc_text` names (/proc/self/cgroup) and of all
// above it: CPUQuota= stands at the service while we are in a group below it (DelegateSubgroup=),
// or at a slice. 0 = none. mount: see own_cgroup().
unsigned quota_above(std::string_view proc_text, const std::string& mount = "/sys/fs/cgroup");

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
