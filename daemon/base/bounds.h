// Bounds that several layers must agree on: what may be configured, what the tables of the kernel
// have room for, and what is believed of a file.
#pragma once

#include <cstdint>

namespace sockherd {

inline constexpr uint32_t kMostThreads = 64;  // of a worker

// Of a listener: one for each thread of each slot. MOST_SLOTS of sys/bpf is the same.
inline constexpr uint32_t kMostSockets = 1024;
inline constexpr uint32_t kMostWorkers = kMostSockets;  // of a pool

}  // namespace sockherd
