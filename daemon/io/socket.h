// Socket: a connected stream socket on a loop: what a connection knows of the kernel.
//
// Owns the descriptor. Stands in every idle connection, so it is small: what there is to remember
// while something is under way is the loop's. Tells its watcher with an event:
//
//   kReadable     bytes have come (edge-triggered: once, read until there are none)
//   kPeerClosed   the peer sends no more: Ended is to be read behind what is there
//   kBroken       the connection is reset, or closed in both directions; what came before is
//                 still to be read
//   kWritable     what was Blocked can go on; comes after a Blocked only, or without need
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"

namespace sockherd::io {

class Socket {
 public:
  // fd: connected and non-blocking. Nothing is asked of the kernel yet.
  Socket(Loop& loop, UniqueFd fd);
  // What is under way goes on; nothing is left of `other`. Whoever watched still does.
  Socket(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Ends all that is under way in the kernel, and closes. The watcher hears nothing any more.
  ~Socket();

  int fd() const { return fd_.get(); }
  Engine engine() const { return loop_.engine(); }

  // Word comes to `watcher` from now on, of what is the case already too. Returns false where the
  // kernel refuses (out of memory, or of fs.epoll.max_user_watches).
  [[nodiscard]] bool watch(Watcher& watcher);
  bool is_watched() const;

  // Word comes to `watcher` instead, also of what has been asked for. Requires: is_watched().
  void hand_over(Watcher& watcher);

  // Calls on_ready(events) in the next turn, before which the loop does not sleep.
  // Requires: is_watched().
  void call_again(Events events);

  // Done: some bytes; fewer than there is room for says that no more are there now, but for the
  // end. Blocked: none are there. Ended, Failed. May be called before watch(): right after accept.
  Outcome receive(std::span<char> room);

  // Done: everything has left. Blocked: `bytes` of it have left, and kWritable will come; until
  // then the rest must stay where it is, because the kernel may be reading it. Then the same rest
  // is to be sent again, from the same address; more may stand behind it. Failed.
  Outcome send(std::string_view bytes, Follows follows = Follows::Nothing);

  // Both at once, `first` before `second`.
  Outcome send_two(std::string_view first, std::string_view second);

  // Sends `count` bytes of `file` from `offset`, without a copy through user space. Done may be
  // fewer than `count`: the rest is to be sent by another call. Ended: the file is shorter.
  Outcome send_file(int file, uint64_t offset, uint64_t count);

  // The peer reads the end after what was sent; we can still receive. Requires: nothing is Blocked.
  void end_sending() { shut_down_sending(fd_.get()); }

  // Takes in what has come in this very moment, for receive(): the last look before an idle
  // connection is ended.
  void look();

  // Nobody reads from it here any more: a copy of it may be given to another process. It is not
  // watched then, and may be watched again. Returns false if bytes have come meanwhile: they are to
  // be received here, and it is watched as before.
  [[nodiscard]] bool release();

 private:
  Loop& loop_;
  UniqueFd fd_;
  uint32_t index_;  // of its place, or kNone: moved away

  static constexpr uint32_t kNone = UINT32_MAX;
};

}  // namespace sockherd::io
