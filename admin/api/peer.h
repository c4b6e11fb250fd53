// Socket addresses as the access rules and the audit log want them.
#pragma once

#include <optional>
#include <string>

#include "admin/api/message.h"

namespace sockherd::api {

// Who is connected: "127.0.0.1:4711", or "uid=1000 pid=42" from SO_PEERCRED. In a user namespace
// that maps few users, foreign ones read as 65534: it is a hint for people, nothing is decided by
// it.
Peer peer_of(int socket);

// The address that a TCP socket is bound to, "127.0.0.1:9753"; nothing for a Unix socket.
std::optional<std::string> tcp_address_of(int socket);

}  // namespace sockherd::api
