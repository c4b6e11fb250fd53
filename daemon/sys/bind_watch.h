// Bind watch: a look over the shoulder of a program, and of all that it starts, when it binds a
// socket or listens on one; and a socket of ours put in the place of its own.
//
// A seccomp filter in the child (seccomp_unotify(2)) holds every bind() and listen() until its
// listener answers. The child installs it between fork and exec and sends the listener to the
// parent through a socket pair. It needs no privilege: with no_new_privs, which it sets, a program
// can not gain any by setuid programs. Whoever closes the listener makes these calls fail with
// ENOSYS, so it is kept as long as the program lives.
//
// This is no wall: a program may change its memory while it is read, and have it come from a file
// whose server makes us wait. It is the administrator's program, and what it can reach so is a
// supervisor that its watchdog starts anew.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/sys/address.h"

namespace sockherd::sys {

// --- in the child: system calls only

// Installs the filter and sends its listener, or the errno, into `report`.
void start_bind_watch(int report);

// --- in the parent

// Our end and that of the child.
struct BindReport {
  UniqueFd ours;
  UniqueFd theirs;
};
Result<BindReport> create_bind_report();

// What the child has sent. Nothing yet: an empty descriptor. Errors: EBUSY where somebody watches
// us in that way already, ENOSYS or EPERM where the kernel or a sandbox refuses; ECONNRESET: it
// ended.
Result<UniqueFd> receive_bind_watch(int report);

// A call that waits for an answer.
struct HeldCall {
  enum class Kind : uint8_t { Bind, Listen };
  uint64_t id = 0;
  pid_t thread = 0;
  Kind kind = Kind::Bind;
  int fd = -1;           // in the program
  uint64_t address = 0;  // in its memory
  uint64_t address_bytes = 0;
};

// The next one; does not wait. Nothing: there is none, or none any more.
std::optional<HeldCall> receive_call(int listener);

// Whether all who were watched have ended.
bool is_hung_up(int listener);

// Where it wants to bind. Nothing: no address of TCP. Errors: its memory can not be read.
Result<std::optional<SocketAddress>> address_of(const HeldCall& call);

// What the descriptor of the call is, from /proc. What is no socket is not touched.
struct HeldSocket {
  uint64_t inode = 0;  // 0: it is none
  bool is_tcp = false;
  bool is_nonblocking = false;
  bool is_cloexec = false;
};
Result<HeldSocket> socket_of(const HeldCall& call);

// Whether whoever called still waits: all that was read before is his, not that of somebody who has
// got his number since.
bool is_waiting(int listener, const HeldCall& call);

// Lets the kernel do what was asked for.
void go_on(int listener, const HeldCall& call);
// It has succeeded, and the kernel does nothing.
void answer_done(int listener, const HeldCall& call);
// Puts a copy of `socket` in the place of the program's descriptor.
Result<void> replace_descriptor(int listener, const HeldCall& call, int socket, bool is_cloexec);

// The number by which /proc knows a socket; 0 for what is none.
uint64_t inode_of(int socket);

// Whether a program that binds `wanted` means the listener at `ours`: the same port, and the same
// address, or all of them on one side, or the own machine on both. Pure.
bool means_listener(const SocketAddress& wanted, const SocketAddress& ours);

}  // namespace sockherd::sys
