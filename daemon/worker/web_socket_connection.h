// WebSocketConnection: one WebSocket, from the handshake to the end of its connection (RFC 6455).
//
//   Open ──we close──► Closing ──client closes──► Ending ──all sent──► Linger ──► Closed
//     └──────────────client closes, or breaks the rules──────┘
//
// Takes the place of the Connection (connection.h) that spoke HTTP, with its socket. Messages are
// handled as they come; their answers leave in one send a turn. While the client does not take
// what it is sent, it is treated as websocket_slow says. Idle, it is this object and nothing else:
// what is in flight is its traffic, from a pool.
//
// Owned by Service::connections. Every entry from outside (event, deadline, drain) ends with
// settle(), which destroys it if it is closed; what its handler or others call (send, close,
// deliver) never does, and is seen to in this turn or the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "daemon/base/instant.h"
#include "daemon/worker/peer.h"
#include "daemon/worker/service.h"
#include "daemon/worker/web_socket.h"
#include "daemon/worker/web_socket_traffic.h"
#include "daemon/worker/web_socket_upgrade.h"

namespace sockherd::worker {

class WebSocketConnection final : public WebSocket, public Peer {
 public:
  // Goes on with the socket of an HTTP connection. rest: what has come behind the request; taken.
  static void start(Service& service, io::Socket socket, const WebSocketUpgrade& upgrade,
                    Buffer& rest);

  // The connection broke before the answer had left: the handler hears that it is over.
  static void abandon(Service& service, io::Socket socket, const WebSocketUpgrade& upgrade);

  WebSocketConnection(Service& service, io::Socket socket, const WebSocketUpgrade& upgrade);
  ~WebSocketConnection() override;

  // Is closed with 1001 some time within websocket_drain.
  void drain(double spread) override;

  // WebSocket
  Sent send(websocket::Kind kind, std::string_view payload) override;
  void close(uint16_t code, std::string_view reason) override;
  void ping() override;
  size_t unsent() const override { return traffic_ == nullptr ? 0 : traffic_->out.unsent(); }
  void pause() override { is_paused_ = true; }
  void resume() override;
  io::Loop& loop() override { return service_.loop; }
  rooms::Hub& hub() override { return *service_.hub; }

  // rooms::Member
  void deliver(const std::shared_ptr<const rooms::Message>& message) override;

 private:
  enum class Stage : uint8_t {
    Open,
    Closing,  // our Close is on the way, the client's is awaited
    Ending,   // nothing more is read; what is queued leaves
    Linger,   // our end is sent; reads on, so that the client can read what was sent before
    Closed,
  };

  // Watcher
  void on_ready(io::Events events) override;
  // Timer
  void on_due(Instant now) override;

  // A turn.
  void take_turn();
  void finish_turn();
  void settle();
  void call_soon();
  WebSocketTraffic& traffic() {
    if (traffic_ == nullptr) acquire_traffic();
    return *traffic_;
  }
  void acquire_traffic();
  void release_traffic();
  bool is_reading() const;
  bool receive_more();
  io::State read_into(Buffer& buffer);
  void discard_input();

  // What comes.
  void handle_input();
  bool may_handle();
  void handle(const websocket::Receiver::Step& step);
  void handle_message(const websocket::Receiver::Step& step);
  void handle_close(uint16_t code, std::string_view reason);

  // What goes (web_socket_sending.cc).
  bool is_full() const { return unsent() >= service_.limits.web_socket.buffer_bytes; }
  Sent admit();
  void queue(websocket::Kind kind, std::string_view payload);
  void queue_control(websocket::Opcode opcode, std::string_view payload);
  void queue_close(uint16_t code, std::string_view reason);
  void flush();
  void answer_pings();

  // The end (web_socket_end.cc).
  void fail(uint16_t code, std::string_view reason);
  void abort();
  void reset_connection();
  void finish(uint16_t code, std::string_view reason);
  void start_linger();
  void count_close(uint16_t code);

  // Time (there, too).
  Instant deadline() const;
  void set_deadline(Instant at);
  void on_timeout(Instant now);
  void on_silence(Instant now);

  WebSocketHandler& handler_;
  WebSocketTraffic* traffic_ = nullptr;  // of the pool
  Instant active_at_;                    // the last bytes came
  Instant due_;  // of the pong, of the drain, of the close handshake; which of them, say the flags
  Stage stage_ = Stage::Open;
  uint8_t deflate_window_bits_;
  bool may_read_ : 1 = true;      // the socket may hold bytes that we have not seen
  bool peer_closed_ : 1 = false;  // its end is to be read behind what is there
  bool in_turn_ : 1 = false;      // take_turn() is on the stack
  bool is_called_ : 1 = false;    // there is a turn to come
  bool is_over_ : 1 = false;      // on_close() has been called
  bool is_paused_ : 1 = false;    // by the handler
  bool is_waiting_ : 1 = false;   // reads no more until the client reads (websocket_slow = "wait")
  bool was_full_ : 1 = false;     // on_writable() is due when it is not
  bool is_pinged_ : 1 = false;    // and has said nothing since
  bool is_draining_ : 1 = false;
};

}  // namespace sockherd::worker
