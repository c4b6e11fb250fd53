// AnswerQueue: the answers of one connection that have not left yet, as bytes and in order.
//
// Puts heads and contents one behind the other and sends them together; counts what is answered
// and how long it took, from the first byte of the request until the kernel has its answer. Owned
// by the conversation, which knows when to flush and what to do when the socket takes no more.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/response.h"
#include "daemon/worker/access_batch.h"
#include "daemon/worker/extras.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/output.h"
#include "daemon/worker/send_pace.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

// What an answer has to know of its request.
struct Asked {
  Instant began;  // its first byte
  bool is_head = false;
  uint8_t minor_version = 1;
  http::ConnectionOption connection = http::ConnectionOption::None;  // what to say about it
  const Extras* extras = nullptr;                                    // what to add, or null
};

class AnswerQueue {
 public:
  explicit AnswerQueue(Service& service);

  // The same for another connection. Requires: is_empty().
  void begin(Instant now) {
    sent_at_ = now;
    if (log_ != nullptr) log_.reset();
  }
  void release_if_empty() { output_.release_if_empty(); }

  bool is_empty() const { return output_.is_empty(); }

  // The socket has taken all it could; flush() again when it has room.
  bool is_blocked() const { return state_ == FlushState::Blocked; }
  // The source of an answer has nothing for now; flush() again when it has.
  bool is_waiting() const { return state_ == FlushState::Waiting; }
  void resume() { state_ = FlushState::Done; }

  Instant sent_at() const { return sent_at_; }  // when the last bytes went

  // While blocked: how fast the client reads.
  SendPace& pace() { return pace_; }
  const SendPace& pace() const { return pace_; }

  // Whether any answer of ours fits behind what is there.
  bool has_room() const;

  // A request has come on the connection `fd`, or, with its bytes only, something that is none: for
  // the access log, which wants to know before the answer is put.
  void note_request(int fd, const http::RequestHead& head, Instant began) {
    if (service_.access_log != nullptr) log_of(fd).open(head, began);
  }
  void note_request(int fd, std::string_view came, Instant began) {
    if (service_.access_log != nullptr) log_of(fd).open(came, began);
  }

  // Takes the content out of `answer`. Requires: has_room(). Returns false if it could not be put
  // as long as was said: then the connection is beyond repair.
  [[nodiscard]] bool put(Answer& answer, const Asked& asked);
  void put_error(int status, std::string_view reason, std::span<const http::Field> fields,
                 const Asked& asked);
  void put_continue();
  // As another server has answered. Takes the rest out of `answer`. Returns false, and has put
  // nothing, if the head does not fit.
  [[nodiscard]] bool pass_on(PassedAnswer& answer, const http::ClientFraming& framing,
                             const Asked& asked);
  void pass_on_interim(const http::ReceivedHead& head);

  // others_began: of the requests behind the first that came with the last read.
  FlushState flush(io::Socket& socket, Instant others_began);

 private:
  [[nodiscard]] bool put_content(Content& content, const Asked& asked);
  void put_error_with_extras(int status, std::string_view reason,
                             std::span<const http::Field> fields, const Asked& asked);
  void note(int status, const Asked& asked);
  AccessBatch& log_of(int fd);
  void log_answer(int status, size_t content_at);
  void observe_latency(Instant others_began);

  Service& service_;
  Output output_;
  Instant sent_at_;
  Instant oldest_began_;  // of the first request whose answer is here
  uint32_t count_ = 0;    // answers here
  FlushState state_ = FlushState::Done;
  SendPace pace_;
  AccessBatchHandle log_;  // where there is one, and something in it
};

// Whether the client can learn only from the end of the connection where this answer ends.
bool ends_with_connection(const Answer& answer, uint8_t minor_version);

}  // namespace sockherd::worker
