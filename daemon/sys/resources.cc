#include "daemon/sys/resources.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "daemon/base/parse.h"

namespace sockherd::sys {
namespace {

// The cgroup v2 path of this process, from the "0::" line of /proc/self/cgroup.
std::string own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
  }
  return "";
}

}  // namespace

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

unsigned usable_cpus() {
  cpu_set_t set;
  unsigned cpus = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = std::max(1U, static_cast<unsigned>(CPU_COUNT(&set)));
  }
  std::ifstream file(own_cgroup() + "/cpu.max");
  std::string cpu_max;
  std::getline(file, cpu_max);
  const unsigned quota = quota_cpus(cpu_max);
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
