// SendPace: how fast a client takes what is sent to it, while its socket is full.
//
// What the socket has taken is not what the client has: between two looks, that is what was put
// into the socket and is not in it any more. The kernel is asked where a wait lasts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/base/instant.h"
#include "daemon/io/socket.h"
#include "daemon/worker/limits.h"
#include "daemon/worker/pace.h"

namespace sockherd::worker {

class SendPace {
 public:
  // After every send, as long as it was blocked before or is now.
  void note(const io::Socket& socket, Instant now, size_t sent, bool is_blocked);
  bool is_on() const { return is_timed_; }

  // While blocked: when to ask whether the client reads too slowly. The answer is what the kernel
  // says of the bytes that it has taken by now.
  Instant deadline(const Limits& limits) const;
  bool is_too_slow(const io::Socket& socket, Instant now, const Limits& limits);
  // Then: by its rate, and not for standing still.
  bool was_behind(Instant now, const Limits& limits) const {
    return pace_.was_behind(now, limits.write_timeout);
  }

 private:
  void measure(const io::Socket& socket);

  bool is_timed_ = false;     // pace_ counts, since the socket was full first
  bool is_measured_ = false;  // the next two are known
  uint64_t moved_then_ = 0;   // what pace_ had counted when the socket was measured
  uint64_t sent_since_ = 0;   // since then
  uint64_t unread_then_ = 0;  // what the socket held then
  Pace pace_;
};

}  // namespace sockherd::worker
