// Making listening sockets: bound by us, or cloned from one that systemd passed.
//
// All are non-blocking and close-on-exec from birth. Facts about the kernel are measured ones; the
// uid rule and its remedies are docs/adr/0001.
#pragma once

#include <sys/types.h>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/sys/address.h"

namespace sockherd::sys {

enum class Sharing {
  ReusePort,  // the first member of a SO_REUSEPORT group
  Exclusive,  // nobody else may listen there: two daemons must not share an admin port
};

// Binds and listens. A Unix socket left behind by a dead process is replaced; one that answers is
// not.
//
// backlog: pending connections; the kernel clamps it to net.core.somaxconn.
// mode: access bits of a Unix socket.
// Errors: EADDRINUSE, with the user who holds the port and the uid rule where it applies; EACCES
// for a privileged port, with the capability that is missing.
Result<UniqueFd> bind_listener(const SocketAddress& address, Sharing sharing, int backlog,
                               mode_t mode);

// Adds one socket to the SO_REUSEPORT group of `original`, a listening TCP socket: same address,
// same options (kCopied in the .cc), same backlog, same owner. The owner is set
// by fchown before the bind, because the kernel compares the uids of the sockets: with CAP_CHOWN a
// service that is not root joins a group that PID 1 opened, and nobody else of its uid can.
//
// Sets SO_REUSEPORT on `original` where it is missing, which works on a socket that already
// listens. Errors: EPERM without CAP_CHOWN; EINVAL where the clone would bind but get no traffic
// (it landed in another network namespace, as with PrivateNetwork=yes).
Result<UniqueFd> clone_listener(int original);

// Checks that `fd` is a stream socket that listens, of TCP or Unix.
Result<void> check_listener(int fd);

// Checks that `clone` takes part in what comes to `original`. Errors, each of which binds without
// one and then gets no traffic (measured): another address, IPV6_V6ONLY, device, network namespace
// or owner.
Result<void> check_clone(int original, int clone);

// A number that two descriptors share when, and only when, they are of the same socket.
uint64_t socket_cookie(int fd);

// Makes a passed socket non-blocking. The flag is shared by all holders of the socket, PID 1
// included.
Result<void> make_nonblocking(int fd);
// The opposite, for a program that waits in accept().
Result<void> make_blocking(int fd);

// Connections accepted there send at once (TCP_NODELAY, which they inherit): not every program sets
// that itself, and with Nagle's algorithm an answer in two writes takes 40 ms (measured). No-op for
// Unix sockets.
Result<void> make_prompt(int fd);

// The accept queue of a listening TCP socket, from TCP_INFO: tcpi_unacked is its length and
// tcpi_sacked its limit (net/ipv4/tcp_diag.c, measured). Zeros for Unix sockets, which do not tell.
struct AcceptQueue {
  uint32_t length = 0;
  uint32_t limit = 0;
};
AcceptQueue accept_queue(int fd);

}  // namespace sockherd::sys
