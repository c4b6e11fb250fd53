// Connection: one client, from accept to close.
//
//   Head ──complete──► Body ──end──► Answer ──answered──► Head ... Linger ──► Closed
//
// Reads what is there, handles every complete request of it in order, and sends their answers in
// one send. Reads no further while an answer waits for room in the socket (back-pressure) or a job
// has not answered yet. Holds no buffer while nothing is in flight. There is one deadline, that of
// the state; it is moved by storing a new time, and the timer is only touched when it fires too
// early or would fire too late.
//
// Owned by Service::connections. Every entry from outside (event, deadline, answer of a job, drain)
// ends with settle(), which destroys the connection if it is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "daemon/base/unique_fd.h"
#include "daemon/http/body.h"
#include "daemon/http/request.h"
#include "daemon/http/response.h"
#include "daemon/worker/answer_queue.h"
#include "daemon/worker/buffer.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/loop.h"
#include "daemon/worker/service.h"
#include "daemon/worker/timer_wheel.h"

namespace sockherd::worker {

class Connection final : private Exchange, private Watcher, private Timer {
 public:
  // Takes over a connected, non-blocking socket and serves what it has sent already.
  // origin: where it was accepted; without one it cannot leave.
  static void start(Service& service, UniqueFd fd, const Place* origin = nullptr);

  // The same for one that another worker has accepted and that is idle. Above max_connections it is
  // told with its next answer that it ends; from most_adopted on it is ended now.
  static void adopt(Service& service, UniqueFd fd, const Place* origin);

  // Takes over a socket only to say 503: the worker is full.
  static void refuse(Service& service, UniqueFd fd);

  // begun_as: what it is counted as.
  Connection(Service& service, UniqueFd fd, const Place* origin, stats::Count begun_as);
  ~Connection() override;

  // The worker drains: what is idle leaves for another worker, or, where there is none, ends after
  // a short grace; the rest ends after its answers. May destroy this connection.
  // spread: 0..1, so that clients do not all come back in the same instant.
  void drain(double spread);

  // drain() for all connections; again when it has changed whether they can leave.
  static void drain_all(Service& service);

  size_t place() const { return place_; }
  void set_place(size_t place) { place_ = static_cast<uint32_t>(place); }

 private:
  enum class Phase : uint8_t {
    Head,    // between requests, or within a head
    Body,    // the head is handled; its body is being read
    Answer,  // the request is read; its job has to answer
    Linger,  // everything is said; reads on so that the client can read the last answer
    Closed,
  };
  enum class Progress : uint8_t { Made, Stuck };

  // Exchange
  void answer(Answer answer) override;
  void answer_error(int status, std::string_view reason,
                    std::span<const http::Field> fields) override;
  Loop& loop() override { return service_.loop; }
  // Watcher
  void on_ready(Events events) override;
  // Timer
  void on_due(Instant now) override;

  void serve();
  void finish_turn();
  void settle();
  void close() { phase_ = Phase::Closed; }

  // Requests.
  bool receive_more();
  void handle_input();
  Progress begin_request();
  bool has_room_for_answer();
  bool body_is_acceptable(const http::RequestHead& head);
  void dispatch(const http::RequestHead& head);
  void ask_for_body();
  Progress take_body();
  void end_request();
  bool is_reading() const;
  bool is_idle() const;
  Instant idle_since() const;
  bool is_silent() const;
  bool may_leave() const;
  bool leave();
  bool has_request_waiting();

  // Answers.
  http::ConnectionOption decide_persistence(Persistence wanted);
  Asked asked(http::ConnectionOption option) const;
  void put_error(int status, std::string_view reason, std::span<const http::Field> fields);
  void answer_is_put();
  void refuse_request(int status, std::string_view reason);
  void flush();
  void watch_for_room();

  // The end.
  void end_after_answers();
  void start_linger(Duration longest);
  void discard_input();
  void on_timeout(Instant now);
  void on_idle_timeout();
  void end_idle();
  Instant deadline_for_phase() const;
  void set_deadline(Instant at);
  bool watch_socket();

  Service& service_;
  UniqueFd fd_;
  const Place* origin_;  // of Service::remember()
  Watch watch_;
  Buffer in_;
  AnswerQueue answers_;
  std::unique_ptr<Job> job_;
  http::BodyReader body_;
  size_t scanned_ = 0;   // of the head being read
  Instant deadline_;     // of the state we are in; the timer fires then or earlier
  Instant armed_for_;    // when the timer fires
  Instant received_at_;  // the last bytes came (at first: when it was accepted)
  Instant began_;        // the first byte of this request; idle in a drain: not to be ended
                         // before; Linger: ends then at the latest
  uint32_t place_ = 0;   // in Service::connections
  Phase phase_ = Phase::Head;
  uint8_t minor_version_ = 1;
  bool may_read_ = true;           // the socket may hold bytes that we have not seen
  bool peer_closed_ = false;       // its end is to be read behind what is there
  bool ended_ = false;             // its end has been read
  bool watches_room_ = false;      // registered for kWritable
  bool busy_ = false;              // serve() is on the stack
  bool is_fresh_ = true;           // no request yet
  bool keep_alive_ = true;         // what the client allows after this request
  bool is_head_ = false;           // this request is a HEAD
  bool answered_ = false;          // this request
  bool continue_pending_ = false;  // this client waits for 100 (Continue)
  bool last_answer_ = false;       // the last answer said "Connection: close"
  bool must_end_ = false;          // the next answer is the last: nobody knows where a next request
                                   // would begin, or there are too many connections
  bool has_left_ = false;          // for another worker
};

}  // namespace sockherd::worker
