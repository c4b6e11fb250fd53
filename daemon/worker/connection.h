// Connection: one client, from accept to close.
//
//   Open ──last answer sent, or idle too long──► Linger ──► Closed
//
// The socket and its life: reads what is there into the conversation (conversation.h) and lets it
// handle it, one turn at a time; waits for more; ends what takes too long; leaves for another
// worker when this one drains. Idle, it is this object and nothing else. There is one deadline,
// that of the state; it is moved by storing a new time, and the timer is only touched when it fires
// too early or would fire too late.
//
// Owned by Service::connections. Every entry from outside (event, deadline, answer of a job, drain)
// ends with settle(), which destroys the connection if it is closed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/io/socket.h"
#include "daemon/io/timer_wheel.h"
#include "daemon/worker/conversation.h"
#include "daemon/worker/peer.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Connection final : public Peer {
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

  // What is idle leaves for another worker, or, where there is none, ends after a short grace; the
  // rest ends after its answers.
  void drain(double spread) override;

  // --- For its conversation

  io::Socket& socket() { return socket_; }
  bool is_closed() const { return stage_ == Stage::Closed; }
  void close() { stage_ = Stage::Closed; }

  // Reads into the conversation once. Returns whether bytes came.
  bool receive_more();

  // Something is to be sent, or handled, that did not come from the socket. Within a turn the turn
  // sees to it; otherwise this is one, which may destroy the connection.
  void proceed();

  // One more request. Returns whether its answer must be the last.
  bool note_request();
  void note_active(Instant at) { active_at_ = std::max(active_at_, at); }

 private:
  enum class Stage : uint8_t {
    Open,
    Linger,  // everything is said; reads on so that the client can read the last answer
    Closed,
  };

  // Watcher
  void on_ready(io::Events events) override;
  // Timer
  void on_due(Instant now) override;

  void take_turn();
  void finish_turn();
  void settle();
  Conversation& conversation();
  void end_conversation();
  void become_upgraded();
  void look_for_end();
  bool is_reading() const;
  bool watch_socket();
  bool read_into(Buffer& buffer, size_t& bytes);

  bool is_idle() const { return stage_ == Stage::Open && conversation_ == nullptr; }
  bool may_leave() const;
  bool leave();

  void end_after_answers();
  void start_linger(Duration longest);
  void discard_input();
  void on_timeout(Instant now);
  void on_idle_timeout();
  void end_idle();
  Instant deadline_for_stage() const;
  Instant idle_deadline() const;
  void set_deadline(Instant at);

  const Place* origin_;                   // of Service::remember()
  Conversation* conversation_ = nullptr;  // of the pool
  Instant deadline_;                      // of the stage we are in; the timer fires then or earlier
  Instant active_at_;  // the last bytes came or went (at first: when it was accepted)
  Instant until_;      // Linger: ends then at the latest; idle in a drain: not before
  uint32_t requests_ = 0;
  Stage stage_ = Stage::Open;
  bool may_read_ : 1 = true;      // the socket may hold bytes that we have not seen
  bool peer_closed_ : 1 = false;  // its end is to be read behind what is there
  bool ended_ : 1 = false;        // its end has been read
  bool in_turn_ : 1 = false;      // take_turn() is on the stack
  bool is_fresh_ : 1 = true;      // no request yet
  bool is_surplus_ : 1 = false;   // there are too many connections: its next answer is its last
  bool has_left_ : 1 = false;     // for another worker
  bool has_moved_ : 1 = false;    // its socket is that of a WebSocket
};

}  // namespace sockherd::worker
