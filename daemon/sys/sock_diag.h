// sock_diag(7): the kernel's list of TCP sockets, without printing it as /proc/net/tcp does.
#pragma once

#include <linux/inet_diag.h>

#include <cstdint>
#include <functional>

#include "daemon/base/result.h"

namespace sockherd::sys {

// Calls `found` for each TCP socket of this network namespace in one of `states` (1 << TCP_LISTEN,
// ...) on that local port, 0 = any; of IPv4 and IPv6.
// Errors: EAFNOSUPPORT where RestrictAddressFamilies= leaves AF_NETLINK out.
Result<void> dump_sockets(uint16_t port, uint32_t states,
                          const std::function<void(const inet_diag_msg&)>& found);

}  // namespace sockherd::sys
