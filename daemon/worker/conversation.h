// Conversation: HTTP on one connection, as long as something is in flight.
//
//   Head ──complete──► Body ──end──► Answer ──answered──► Head
//
// Handles every complete request of what has come, in order, and puts their answers so that they
// leave in one send. Handles no further one while an answer waits for room in the socket or for
// its source, or a job has not answered yet (back-pressure). Knows the bytes, the requests and the
// answers; the socket, the deadline and the end are the connection's (connection.h).
//
// Comes from a pool (conversation_pool.h) when bytes come, and goes back when all is answered, so
// that an idle connection is small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "daemon/http/body.h"
#include "daemon/http/request.h"
#include "daemon/http/response.h"
#include "daemon/websocket/handshake.h"
#include "daemon/worker/answer_queue.h"
#include "daemon/worker/buffer.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/pace.h"
#include "daemon/worker/service.h"
#include "daemon/worker/tunnel_end.h"
#include "daemon/worker/web_socket_upgrade.h"

namespace sockherd::worker {

class Connection;

class Conversation final : private Exchange {
 public:
  explicit Conversation(Service& service);
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  ~Conversation();

  // Begins on this connection. Requires: new, or is_over().
  void begin(Connection& connection);

  // Gives back the memory that holds nothing.
  void release_memory();

  // Where what the client sends goes; on_received() after each piece.
  Buffer& input() { return in_; }
  void on_received(Instant now, size_t bytes, bool is_first);

  void handle_input();

  // Sends what there is. Closes the connection when that is broken.
  void flush();
  bool can_flush() const {
    return !answers_.is_empty() && !answers_.is_blocked() && !answers_.is_waiting();
  }
  void on_room();  // in the socket

  // Nothing is in flight: all that has come is answered, and the answers have left.
  bool is_over() const { return is_between_requests() && !last_answer_; }
  bool is_between_requests() const {
    return phase_ == Phase::Head && in_.is_empty() && answers_.is_empty();
  }
  bool has_unsent() const { return !answers_.is_empty(); }
  bool wants_input() const;

  // The last answer of this connection is put.
  bool is_last() const { return last_answer_; }
  // Behind it the client may send more, unless it has said that it will not.
  bool may_send_more() const { return keep_alive_ || must_end_ || phase_ == Phase::Body; }
  // Nothing can come any more that somebody waits for.
  bool awaits_input() const { return phase_ == Phase::Head || phase_ == Phase::Body; }

  // A WebSocket, or a tunnel, is to take the place of this, once all is sent; one of these then.
  bool has_upgraded() const { return phase_ == Phase::Upgrade; }
  bool is_tunnel() const { return tunnel_ != nullptr; }
  WebSocketUpgrade take_upgrade();
  std::unique_ptr<TunnelEnd> take_tunnel();

  // All of the request is here, and its job has not answered.
  bool awaits_job() const { return phase_ == Phase::Answer && !answered_; }
  // The client sends no more: the job is told, once.
  void on_ended();

  // When the client has taken too long; never while we are the ones who take long.
  Instant deadline() const;
  // It has come. Answers 408, closes, or finds that there was progress.
  void on_timeout(Instant now);

  // Drops what has come, and answers it with `status`; the connection ends after that.
  void refuse(int status, std::string_view reason, std::span<const http::Field> fields);

 private:
  enum class Phase : uint8_t {
    Head,     // between requests, or within a head
    Body,     // the head is handled; its body is being read
    Answer,   // the request is read; its job has to answer
    Upgrade,  // the answer said so; nothing more is read
  };
  enum class Progress : uint8_t { Made, Stuck };

  // Exchange
  void answer(Answer answer) override;
  void answer_error(int status, std::string_view reason,
                    std::span<const http::Field> fields) override;
  void pause_body() override { is_body_paused_ = true; }
  void resume_body() override;
  void content_ready() override;
  http::ClientFraming pass_on(PassedAnswer answer) override;
  void pass_on_interim(const http::ReceivedHead& head) override;
  void abort() override;
  void tunnel(const http::ReceivedHead& head, std::unique_ptr<TunnelEnd> end) override;
  bool accept_web_socket(const WebSocketTerms& terms, WebSocketHandler& handler,
                         void* context) override;
  io::Loop& loop() override { return service_.loop; }
  int socket() const override;

  // Requests.
  Progress begin_request();
  bool has_room_for_answer();
  bool body_is_acceptable(const http::RequestHead& head);
  void dispatch(const http::RequestHead& head);
  void ask_for_body();
  Progress take_body();
  void end_request();
  bool has_request_waiting();
  // The job is told of the body.
  bool feeds_job() const { return job_ != nullptr && (!answered_ || passes_on_); }

  // Answers.
  http::ConnectionOption decide_persistence(Persistence wanted);
  Asked asked(http::ConnectionOption option) const;
  void put_error(int status, std::string_view reason, std::span<const http::Field> fields);
  void answer_is_put();
  void refuse_request(int status, std::string_view reason);
  void log_what_came();
  void refuse_web_socket(const websocket::Handshake& handshake);
  void put_upgrade(const websocket::Handshake& handshake, std::string_view extensions,
                   std::string_view subprotocol);
  void on_body_timeout(Instant now);
  void on_write_timeout(Instant now);

  Connection* connection_ = nullptr;
  Service& service_;
  Buffer in_;
  AnswerQueue answers_;
  std::unique_ptr<Job> job_;
  const http::RequestHead* head_ = nullptr;  // while it is handled
  WebSocketUpgrade upgrade_;
  std::unique_ptr<TunnelEnd> tunnel_;
  const Extras* extras_ =
      nullptr;  // of the route of this request; before that is known, those of the pool
  http::BodyReader body_;
  Pace body_pace_;
  size_t scanned_ = 0;   // of the head being read
  Instant received_at_;  // the last bytes came
  Instant began_;        // the first byte of this request
  Phase phase_ = Phase::Head;
  uint8_t minor_version_ = 1;
  bool keep_alive_ = true;         // what the client allows after this request
  bool is_head_ = false;           // this request is a HEAD
  bool answered_ = false;          // this request
  bool passes_on_ = false;         // its answer is that of another server, which gets the body
  bool continue_pending_ = false;  // this client waits for 100 (Continue)
  bool last_answer_ = false;       // the last answer said "Connection: close"
  bool must_end_ = false;  // the next answer is the last: nobody knows where a next request would
                           // begin
  bool is_body_paused_ = false;
  bool knows_end_ = false;  // the job, of the client's
};

}  // namespace sockherd::worker
