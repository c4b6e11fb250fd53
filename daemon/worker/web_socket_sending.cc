// What a WebSocketConnection sends: messages, pings and their answers, a Close.
#include <array>

#include "daemon/websocket/close.h"
#include "daemon/worker/web_socket_connection.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using websocket::Opcode;
namespace close_code = websocket::close_code;

}  // namespace

// One that fills what may wait is still taken: so a message longer than that can be sent.
WebSocket::Sent WebSocketConnection::admit() {
  if (stage_ != Stage::Open) return Sent::Closing;
  if (!is_full()) return Sent::Queued;
  was_full_ = true;
  const SlowPolicy policy = service_.limits.web_socket.slow;
  // Its own messages are not read while it is full, so what answers this one is the last.
  if (policy == SlowPolicy::Wait && in_turn_) return Sent::Queued;
  service_.counters.add(Count::WebSocketMessagesDropped);
  if (policy != SlowPolicy::Close) return Sent::Dropped;
  service_.counters.add(Count::WebSocketSlowCloses);
  close(close_code::kPolicy, "reads too slowly");
  return Sent::Closing;
}

WebSocket::Sent WebSocketConnection::send(websocket::Kind kind, std::string_view payload) {
  const Sent admitted = admit();
  if (admitted != Sent::Queued) return admitted;
  service_.counters.add(Count::WebSocketMessagesSent);
  service_.counters.add(Count::WebSocketBytesSent, payload.size());
  queue(kind, payload);
  call_soon();
  return Sent::Queued;
}

void WebSocketConnection::deliver(const std::shared_ptr<const rooms::Message>& message) {
  if (admit() != Sent::Queued) return;
  service_.counters.add(Count::WebSocketMessagesSent);
  service_.counters.add(Count::WebSocketBytesSent, message->payload().size());
  traffic().out.add(message);
  call_soon();
}

void WebSocketConnection::queue(websocket::Kind kind, std::string_view payload) {
  // Below, the head of a block is most of it; above, compressing holds up the loop for too long.
  constexpr size_t kLeastDeflated = 256;
  constexpr size_t kMostDeflated = size_t{1} << 20;
  websocket::FrameHead head{.opcode = websocket::opcode_of(kind)};
  if (deflate_window_bits_ != 0 && payload.size() >= kLeastDeflated &&
      payload.size() <= kMostDeflated) {
    WebSocketPool& shared = service_.web_sockets;
    head.is_compressed = shared.deflater.deflate(payload, deflate_window_bits_, shared.deflated);
    traffic().out.add(head, head.is_compressed ? std::string_view(shared.deflated) : payload);
    return WebSocketPool::trim(shared.deflated);
  }
  traffic().out.add(head, payload);
}

void WebSocketConnection::queue_control(Opcode opcode, std::string_view payload) {
  traffic().out.add({.opcode = opcode}, payload);
}

void WebSocketConnection::queue_close(uint16_t code, std::string_view reason) {
  std::array<char, websocket::kMaxControlPayload> payload{};
  const size_t size = websocket::write_close(code, reason, payload);
  queue_control(Opcode::Close, {payload.data(), size});
}

// Section 5.5.3: of several pings that could not be answered, the last is.
void WebSocketConnection::answer_pings() {
  WebSocketTraffic& traffic = this->traffic();
  if (!traffic.has_pong || traffic.out.is_blocked() || stage_ != Stage::Open) return;
  traffic.has_pong = false;
  queue_control(Opcode::Pong, traffic.pong);
}

void WebSocketConnection::ping() {
  if (stage_ != Stage::Open || unsent() != 0) return;  // that it takes these says as much
  service_.counters.add(Count::WebSocketPings);
  queue_control(Opcode::Ping, "");
  call_soon();
}

}  // namespace sockherd::worker
