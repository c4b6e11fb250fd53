// SlotLoad: how busy one socket of a listener is, as the eBPF program of sys/balancer.h sees it.
//
//   load = open + assigned - accepted - forgotten
//
// `assigned - accepted - forgotten` are the connections on their way: their handshake goes on, or
// they wait in the queue. Counters only ever grow, modulo 2^64; each has one writer, but for
// `accepted` while two workers share a slot during a reload. The kernel maps an array of these into
// the supervisor and the workers: no lock, no system call.
#pragma once

#include <atomic>
#include <cstdint>

namespace sockherd::sys {

struct alignas(64) SlotLoad {
  std::atomic<uint64_t> assigned;   // written by the program: connections begun on this slot
  std::atomic<uint64_t> open;       // stored by the worker: connections that it holds
  std::atomic<uint64_t> accepted;   // added to by the worker, after `open`: too much for a moment
                                    // is better than too little
  std::atomic<uint64_t> forgotten;  // stored by the supervisor: handshakes that never ended

  // Connections that were assigned and neither accepted nor forgotten. Below zero for a moment
  // where connections came past the program.
  int64_t under_way() const {
    return static_cast<int64_t>(assigned.load(std::memory_order_relaxed) -
                                accepted.load(std::memory_order_relaxed) -
                                forgotten.load(std::memory_order_relaxed));
  }
};
static_assert(sizeof(SlotLoad) == 64);  // struct slot_load in bpf/least_connections.bpf.c
static_assert(std::atomic<uint64_t>::is_always_lock_free);

}  // namespace sockherd::sys
