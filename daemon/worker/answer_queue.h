// AnswerQueue: the answers of one connection that have not left yet, as bytes and in order.
//
// Puts heads and contents one behind the other and sends them together; counts what is answered
// and how long it took, from the first byte of the request until the kernel has its answer. Owned
// by the connection, which knows when to flush and what to do when the socket takes no more.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/response.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/io.h"
#include "daemon/worker/output.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

// What an answer has to know of its request.
struct Asked {
  Instant began;  // its first byte
  bool is_head = false;
  http::ConnectionOption connection = http::ConnectionOption::None;  // what to say about it
};

class AnswerQueue {
 public:
  explicit AnswerQueue(Service& service);

  bool is_empty() const { return output_.is_empty(); }

  // The socket has taken all it could; flush() again when it has room.
  bool is_blocked() const { return is_blocked_; }
  void unblock() { is_blocked_ = false; }

  Instant sent_at() const { return sent_at_; }  // when the last bytes went

  // Whether any answer of ours fits behind what is there.
  bool has_room() const;

  // Requires: has_room(). Returns false if the content could not be put as long as was said: then
  // the connection is beyond repair.
  [[nodiscard]] bool put(Answer answer, const Asked& asked);
  void put_error(int status, std::string_view reason, std::span<const http::Field> fields,
                 const Asked& asked);
  void put_continue();

  // others_began: of the requests behind the first that came with the last read.
  // Done, Blocked, or else the connection is broken.
  IoState flush(int fd, Instant others_began);

 private:
  void note(int status, const Asked& asked);
  void observe_latency(Instant others_began);

  Service& service_;
  Output output_;
  Instant sent_at_;
  Instant oldest_began_;  // of the first request whose answer is here
  uint32_t count_ = 0;    // answers here
  bool is_blocked_ = false;
};

}  // namespace sockherd::worker
