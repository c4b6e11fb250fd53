// UringActivity: what there is to remember of one socket on an io_uring while something is under
// way on it: the bytes that were received and not read, what is to be told, and one send.
//
// Bytes lie in buffers of the ring, which all sockets share, until they are read; what the watcher
// leaves is copied aside, and the buffers go back. The bytes of a send are the caller's: they stay
// until it has completed. An activity has nothing of its own to let go: whoever ends it calls
// end(), which returns its buffers. What is asked of the kernel, and in which state the socket is,
// is uring_loop.h.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/io/loop.h"
#include "daemon/io/uring.h"

namespace sockherd::io {

class UringActivity {
 public:
  // Whether anything that was received has not been read.
  bool has_bytes() const { return !pieces_.empty() || aside_begin_ < aside_.size(); }
  bool is_over() const { return !has_bytes() && events_ == 0 && sending_ == Sending::Nothing; }

  // --- What is received

  void add_received(uint16_t buffer, uint32_t count) { pieces_.push_back({buffer, 0, count}); }
  bool holds_buffers() const { return !pieces_.empty(); }

  // Moves what came first into `room`; returns how much.
  size_t take_bytes(Uring& ring, std::span<char> room);

  // The watcher has enough for now: what it has not read leaves the buffers.
  void put_aside(Uring& ring);

  // --- What is to be told to the watcher

  // Returns whether nothing was to be told before.
  bool add_events(Events events) { return std::exchange(events_, events_ | events) == 0; }
  Events take_events() { return std::exchange(events_, 0); }
  bool has_events() const { return events_ != 0; }

  // --- What is sent

  // Prepares `entry` to send both, of which the second may be empty.
  void begin_send(io_uring_sqe& entry, int fd, std::string_view first, std::string_view second);
  void on_sent(int result);
  bool is_sending() const { return sending_ == Sending::UnderWay; }
  // Whether one is under way, or has completed and nobody has asked how.
  bool has_send() const { return sending_ != Sending::Nothing; }

  // Done: all of what was sent has left. Blocked: `bytes` of it have, or nothing was sent.
  Outcome take_sent(size_t wanted);

  // Ready for another socket.
  void end(Uring& ring);

 private:
  enum class Sending : uint8_t { Nothing, UnderWay, Completed };

  struct Piece {  // of what was received, in a buffer of the ring
    uint16_t buffer;
    uint32_t begin;
    uint32_t end;
  };

  std::vector<Piece> pieces_;
  std::string aside_;  // before the pieces: what the watcher has left
  size_t aside_begin_ = 0;
  Events events_ = 0;
  Sending sending_ = Sending::Nothing;
  int sent_ = 0;  // result of the completed one
  std::array<iovec, 2> parts_{};
  msghdr message_ = {};  // of parts_
};

// UringActivities: all of a loop, each at an address that stays, since the kernel reads the message
// of a send there. Places are used again.
class UringActivities {
 public:
  UringActivity& at(uint32_t place) { return all_[place]; }
  uint32_t take_place();
  void leave_place(uint32_t place) { free_.push_back(place); }  // after its end()

 private:
  std::deque<UringActivity> all_;
  std::vector<uint32_t> free_;
};

}  // namespace sockherd::io
