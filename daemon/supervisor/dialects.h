// Dialects: older ways than LISTEN_FDS to tell a program which listening sockets it has got. Pure.
//
// server-starter: SERVER_STARTER_PORT="127.0.0.1:80=3;/run/x.sock=4" (Server::Starter, h2o).
// einhorn: EINHORN_FDS="3 4", and what its clients read: EINHORN_FD_COUNT, EINHORN_FD_0, ...,
// EINHORN_FD_FAMILY_0, EINHORN_MASTER_PID. Nobody listens for the acknowledgement that a program
// may be told to give there; READY=1 is ours.
#pragma once

#include <string>
#include <vector>

namespace sockherd::supervisor {

struct PassedListener {
  std::string address;  // as SocketAddress::text
  int fd = -1;          // its number in the program
};

// What the dialects add to the environment, "NAME=value" each.
// parent: our pid, the parent of the program.
std::vector<std::string> dialect_variables(const std::vector<std::string>& dialects,
                                           const std::vector<PassedListener>& passed, int parent);

}  // namespace sockherd::supervisor
