// Accepted: whether a connection that we have made to ourselves was accepted, and by whom.
//
// The kernel completes a handshake before anybody accepts, so connect() says nothing about the
// program. But its end of the connection has a number of its own (an inode) from accept() on, and
// not before; and whose it is then stands in /proc/PID/fd.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "daemon/base/result.h"

namespace sockherd::sys {

// The inode of the other end of a TCP connection within this machine; 0 = nobody has accepted it
// yet, or its other end is gone. connection: our end. Errors: EAFNOSUPPORT where
// RestrictAddressFamilies= leaves AF_NETLINK out; ENOTCONN.
Result<uint64_t> inode_of_peer(int connection);

// A socket, and the user who made it.
struct OwnedSocket {
  uint64_t inode = 0;
  uid_t user = 0;
};
// Who listens where a TCP connection within this machine leads to: whose queue another one like it
// would come to now. Nothing: nobody, any more or on this machine. Errors: as inode_of_peer().
Result<std::optional<OwnedSocket>> listener_of_peer(int connection);

// The connections to a local port that wait in a queue, by numbers of the kernel that no other
// socket ever has. Whose queue it is nobody can tell. Those that their client has reset are not
// there. Errors: as dump_sockets.
Result<std::set<uint64_t>> waiting_connections(uint16_t port);

// How many connections wait at each port that somebody listens at, whoever it is. Errors: as
// dump_sockets.
Result<std::map<uint16_t, uint64_t>> listening_queues();

enum class Holder : uint8_t { Yes, No, Unknown };

// Whether a process, or one that it has started, has that socket open. Unknown: we may not look
// (another user's process, without CAP_SYS_PTRACE), or there is too much to look through.
Holder holds_socket(pid_t process, uint64_t inode);

// Whether a process, or one that it has started, runs as that user.
bool runs_as(pid_t process, uid_t user);

}  // namespace sockherd::sys
