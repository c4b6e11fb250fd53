// Handshakes under way: connections in SYN_RECV, which have chosen their listening socket but do
// not wait in its queue yet. "accept until EAGAIN" says nothing about them (measured: it lost 24 %
// of all connections with deferred accept, and 32 % at 100-300 ms round trip); so a socket that was
// steered away from is quiet only when the handshakes seen at the steer are through.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "daemon/base/result.h"

namespace sockherd::sys {

// The remote ends, as opaque keys, of all handshakes under way to a local TCP port in this network
// namespace. Asked by sock_diag(7), which walks the kernel's table without printing it.
// Errors: EAFNOSUPPORT where RestrictAddressFamilies= leaves AF_NETLINK out.
using Handshakes = std::set<std::string>;
Result<Handshakes> handshakes_under_way(uint16_t port);

// Whether one of `before` is still there in `now`.
bool any_left(const Handshakes& before, const Handshakes& now);

}  // namespace sockherd::sys
