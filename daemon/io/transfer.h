// The kernel calls of a connection, all of them: receive, send, send a file.
//
// Non-blocking. What is expected of a network (nothing there yet, the peer is gone) is an outcome,
// not an error. Connections reach them through Socket (socket.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sockherd::io {

enum class State : uint8_t {
  Done,     // `bytes` were moved; may be fewer than asked for
  Blocked,  // nothing there to read, or no room to write
  Ended,    // receive: the peer sends no more; send_file: the file is shorter than it was
  Failed,   // the connection is broken
};

struct Outcome {
  State state = State::Done;
  size_t bytes = 0;
};

Outcome receive(int fd, std::span<char> room);

enum class Follows : uint8_t { Nothing, More };  // More: hold back a partial segment (MSG_MORE)

// If it fails, the connection ends in both directions: what was received before is still there.
Outcome send(int fd, std::string_view bytes, Follows follows = Follows::Nothing);

// Both in one call, `first` before `second`.
Outcome send_two(int fd, std::string_view first, std::string_view second);

// Sends `count` bytes of `file` from `offset`, without a copy through user space.
Outcome send_file(int fd, int file, uint64_t offset, uint64_t count);

// After a send that failed. The kernel may have no memory for it (AF_UNIX), or a filter forbids it:
// then the connection is whole, and no event would ever tell whoever waits for the answer. errno is
// `error` afterwards.
void end_unless_broken(int fd, int error);

// What the kernel has taken and the peer not yet (SIOCOUTQ, tcp(7)).
uint64_t unsent_bytes(int fd);

// The peer reads the end after what was sent; we can still read.
void shut_down_sending(int fd);

}  // namespace sockherd::io
