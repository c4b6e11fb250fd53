// Steering: which sockets of a SO_REUSEPORT group the kernel gives new connections to.
//
// A classic BPF program attached to the group picks one of the served sockets, at random or by the
// CPU. It needs no privilege, is replaced atomically (1.6 million replacements under load lost
// nothing, measured), and outlives the process that attached it, so a new supervisor detaches what
// it finds.
//
// A socket's number is its place in the kernel's array: the order in which the members began to
// listen. Nobody closes a member, so the numbers do not move.
#pragma once

#include <cstdint>
#include <span>

#include "daemon/base/result.h"

namespace sockherd::sys {

// New connections go to the members with these numbers only (at least one; at most kMostSockets).
// member: any listening socket of the group. Errors: EINVAL for a socket without a group: it was
// bound without SO_REUSEPORT, and no clone has joined it yet.
Result<void> steer_to(int member, std::span<const uint32_t> numbers);

// The same, but the CPU that receives the SYN decides: number `CPU % count` gets it. Where worker k
// stays on CPU k, and the network card spreads by flow, a connection never changes its CPU.
Result<void> steer_by_cpu(int member, std::span<const uint32_t> numbers);

// As steer_to, but connections from the port `from` go to the member `number`, which may get no
// others yet and is to be tried.
struct Aim {
  uint16_t from = 0;
  uint32_t number = 0;
};
Result<void> steer_to_but(int member, std::span<const uint32_t> numbers, Aim aim);

// Back to the kernel's hash over all members. No error where there is no program or no group.
Result<void> stop_steering(int member);

}  // namespace sockherd::sys
