// Affinity: which CPUs the calling thread may run on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "daemon/base/result.h"

namespace sockherd::sys {

// The CPUs that the calling thread may use, ascending: what cpuset and CPUAffinity= leave it. Empty
// where the kernel does not tell.
std::vector<uint32_t> allowed_cpus();

// Keeps the calling thread on one CPU.
// Errors: EPERM where a system call filter leaves it out (~@resources), EINVAL for a CPU that is
// not there or not ours.
Result<void> pin_to(uint32_t cpu);

// The CPU of a thread of a worker: they take turns in the order of slots, then threads. So worker k
// of a pool with one thread each is on the k-th CPU, and a slot keeps its CPUs over generations.
// Requires: `allowed` is not empty.
inline uint32_t cpu_of(std::span<const uint32_t> allowed, uint32_t slot, uint32_t thread,
                       uint32_t threads) {
  return allowed[(uint64_t{slot} * threads + thread) % allowed.size()];
}

}  // namespace sockherd::sys
