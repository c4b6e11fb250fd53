#include "daemon/sys/resources.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <sstream>

#include "daemon/base/parse.h"
#include "daemon/sys/cgroup.h"
#include "daemon/sys/file.h"

namespace sockherd::sys {

unsigned quota_cpus(const std::string& cpu_max) {
  std::istringstream words(cpu_max);
  std::string quota;
  std::string period;
  words >> quota >> period;
  const auto quota_us = parse_number<uint64_t>(quota);
  const auto period_us = parse_number<uint64_t>(period);
  if (!quota_us || !period_us || *period_us == 0 || *quota_us == 0) return 0;
  return static_cast<unsigned>((*quota_us + *period_us - 1) / *period_us);
}

unsigned quota_above(std::string_view proc_text, const std::string& mount) {
  std::string path = own_cgroup(proc_text, mount).value_or("");
  unsigned least = 0;
  for (; path.size() >= mount.size(); path.resize(path.rfind('/'))) {
    const auto cpu_max = read_file(path + "/cpu.max");  // none at the root of the hierarchy
    const unsigned quota = cpu_max.ok() ? quota_cpus(cpu_max.value()) : 0;
    if (quota > 0) least = least == 0 ? quota : std::min(least, quota);
  }
  return least;
}

unsigned usable_cpus() {
  cpu_set_t set;
  unsigned cpus = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
  }
  const auto groups = read_file("/proc/self/cgroup");
  const unsigned quota = groups.ok() ? quota_above(groups.value()) : 0;
  return quota > 0 ? std::min(cpus, quota) : cpus;
}

Result<DescriptorLimit> raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return errno_error("getrlimit");
  const DescriptorLimit before{limit.rlim_cur, limit.rlim_max};
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return errno_error("setrlimit");
  return before;
}

}  // namespace sockherd::sys
