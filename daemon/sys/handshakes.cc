#include "daemon/sys/handshakes.h"

#include <netinet/tcp.h>

#include <algorithm>

#include "daemon/sys/sock_diag.h"

namespace sockherd::sys {

Result<Handshakes> handshakes_under_way(uint16_t port) {
  Handshakes found;
  TRY(dump_sockets(port, 1U << TCP_SYN_RECV, [&found](const inet_diag_msg& message) {
    const auto* remote = reinterpret_cast<const char*>(message.id.idiag_dst);
    std::string key(remote, sizeof message.id.idiag_dst);
    key.append(reinterpret_cast<const char*>(&message.id.idiag_dport),
               sizeof message.id.idiag_dport);
    found.insert(std::move(key));
  }));
  return found;
}

bool any_left(const Handshakes& before, const Handshakes& now) {
  return std::any_of(before.begin(), before.end(),
                     [&now](const std::string& key) { return now.contains(key); });
}

}  // namespace sockherd::sys
