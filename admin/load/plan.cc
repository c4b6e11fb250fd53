#include "admin/load/plan.h"

#include <netinet/in.h>

#include <algorithm>

namespace sockherd::load {
namespace {

constexpr uint64_t kReserve = 64;  // descriptors of a process that are no connections
constexpr uint64_t kMostProcesses = 4096;

}  // namespace

bool is_loopback(const sys::SocketAddress& address) {
  if (address.family() != AF_INET) return false;
  const auto* in = reinterpret_cast<const sockaddr_in*>(address.get());
  return ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

Demand demand_of(const Plan& plan) {
  return {.connections = plan.connections,
          .processes = plan.processes,
          .sources = std::max(plan.sources.count(), 1U),
          .is_outgoing = !plan.address.is_unix(),
          .has_both_ends = is_loopback(plan.address) || plan.address.is_unix()};
}

Result<void> complete_plan(Plan& plan, uint64_t descriptors, uint32_t ports, unsigned cpus) {
  if (descriptors <= kReserve) {
    return Error{0, "a process may have " + std::to_string(descriptors) +
                        " descriptors only: ulimit -n, LimitNOFILE="};
  }
  const uint64_t room = descriptors - kReserve;
  const uint64_t needed = (plan.connections + room - 1) / room;
  if (plan.processes == 0) {
    // Who is measured on this machine needs CPUs too.
    const unsigned ours = is_loopback(plan.address) ? std::max(cpus / 2, 1U) : cpus;
    const auto most = std::min<uint64_t>({plan.connections, ours, 1 + plan.connections / 8});
    plan.processes = static_cast<uint32_t>(std::max<uint64_t>({needed, most, 1}));
  }
  if (plan.processes > kMostProcesses || plan.processes > plan.connections) {
    return Error{0, "--processes must be at most " +
                        std::to_string(std::min(kMostProcesses, plan.connections)) +
                        ", and no more than connections"};
  }
  if (plan.processes < needed) {
    return Error{0, std::to_string(plan.connections) + " connections need at least " +
                        std::to_string(needed) + " processes of " + std::to_string(descriptors) +
                        " descriptors each (ulimit -n)"};
  }
  plan.senders = std::min(plan.senders, plan.connections);
  const bool is_wide = plan.connections > ports / 2;
  if (plan.sources.is_any() && is_wide && is_loopback(plan.address)) {
    plan.sources = Sources::of_loopback(plan.connections, ports);
  }
  if (!plan.sources.is_any() && plan.address.family() != AF_INET) {
    return Error{0, "--source is for IPv4 targets"};
  }
  return {};
}

}  // namespace sockherd::load
