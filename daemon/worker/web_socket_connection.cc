#include "daemon/worker/web_socket_connection.h"

#include <algorithm>
#include <utility>

#include "daemon/websocket/close.h"
#include "daemon/websocket/utf8.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using websocket::Receiver;
namespace close_code = websocket::close_code;

// Reads of a full buffer before others have their turn.
constexpr unsigned kReadsPerTurn = 16;

constexpr Instant kNever{Duration::max()};

}  // namespace

WebSocketConnection::WebSocketConnection(Service& service, io::Socket socket,
                                         const WebSocketUpgrade& upgrade)
    : Peer(service, std::move(socket)),
      handler_(*upgrade.handler),
      active_at_(service.loop.now()),
      deflate_window_bits_(upgrade.deflate_window_bits) {
  context = upgrade.context;
  service_.counters.add(Count::WebSocketsOpened);
}

WebSocketConnection::~WebSocketConnection() {
  stage_ = Stage::Closed;
  finish(close_code::kAbnormal, "");
  { const io::Socket ended(std::move(socket_)); }  // it may be sending from the traffic
  release_traffic();
  service_.counters.add(Count::ConnectionsClosed);
}

void WebSocketConnection::start(Service& service, io::Socket socket,
                                const WebSocketUpgrade& upgrade, Buffer& rest) {
  auto created = std::make_unique<WebSocketConnection>(service, std::move(socket), upgrade);
  WebSocketConnection& started = *created;
  service.connections.add(std::move(created));
  if (!rest.is_empty()) started.traffic().in.swap(rest);
  if (started.socket_.is_watched()) {
    started.socket_.hand_over(started);
  } else if (!started.socket_.watch(started)) {
    started.stage_ = Stage::Closed;
  }
  started.in_turn_ = true;
  started.handler_.on_open(started);
  if (service.phase == ServicePhase::Draining) started.drain(0.5);  // it came in at the last moment
  started.take_turn();
  started.settle();
}

void WebSocketConnection::abandon(Service& service, io::Socket socket,
                                  const WebSocketUpgrade& upgrade) {
  WebSocketConnection abandoned(service, std::move(socket), upgrade);
  abandoned.stage_ = Stage::Closed;
  abandoned.handler_.on_open(abandoned);
}

// --- A turn

void WebSocketConnection::acquire_traffic() {
  traffic_ = service_.web_sockets.acquire(
      {.role = websocket::Role::Server,
       .extension =
           deflate_window_bits_ == 0 ? websocket::Extension::None : websocket::Extension::Deflate,
       .max_message_bytes = service_.limits.web_socket.max_message_bytes});
}

void WebSocketConnection::release_traffic() {
  if (traffic_ != nullptr) service_.web_sockets.release(std::exchange(traffic_, nullptr));
}

void WebSocketConnection::on_ready(io::Events events) {
  if ((events & io::event::kBroken) != 0) {  // reset, or both directions are closed
    abort();
    return settle();
  }
  if ((events & io::event::kPeerClosed) != 0) peer_closed_ = true;
  if ((events & (io::event::kReadable | io::event::kPeerClosed)) != 0) may_read_ = true;
  take_turn();
  settle();
}

// There is something to do that did not come from the socket.
void WebSocketConnection::call_soon() {
  if (in_turn_ || is_called_ || stage_ == Stage::Closed) return;
  is_called_ = true;
  socket_.call_again(0);
}

void WebSocketConnection::take_turn() {
  in_turn_ = true;
  is_called_ = false;
  flush();
  if (stage_ == Stage::Linger) discard_input();
  for (unsigned reads = 0;; ++reads) {
    handle_input();
    if (!is_reading() || !may_read_ || reads == kReadsPerTurn) break;
    if (!receive_more()) break;
  }
  flush();
  in_turn_ = false;
  finish_turn();
}

// What every turn ends with: the deadline, and no memory that is not needed.
void WebSocketConnection::finish_turn() {
  if (stage_ == Stage::Ending && unsent() == 0) start_linger();
  if (stage_ == Stage::Closed) return;
  if (traffic_ != nullptr && traffic_->is_over()) {
    release_traffic();
  } else if (traffic_ != nullptr) {
    traffic_->release_memory();
  }
  set_deadline(deadline());
  if (may_read_ && (is_reading() || stage_ == Stage::Linger)) call_soon();
}

// Must be the last thing of every entry: the connection may be gone after it.
void WebSocketConnection::settle() {
  if (stage_ == Stage::Closed) service_.connections.remove(*this);
}

void WebSocketConnection::flush() {
  if (traffic_ == nullptr || traffic_->out.is_empty() || stage_ == Stage::Closed) return;
  const FlushOutcome outcome = traffic_->out.flush(socket_);
  service_.counters.add(Count::BytesSent, outcome.bytes);
  if (outcome.state == FlushState::Broken) return abort();
  const bool is_blocked = outcome.state == FlushState::Blocked;
  if (is_blocked || traffic_->pace.is_on()) {
    traffic_->pace.note(socket_, service_.loop.now(), outcome.bytes, is_blocked);
  }
  if (traffic_->has_pong) answer_pings();
  if (was_full_ && !is_full() && stage_ == Stage::Open) {
    was_full_ = false;
    handler_.on_writable(*this);
  }
}

Instant WebSocketConnection::deadline() const {
  if (stage_ != Stage::Open) return due_;
  const bool is_blocked = traffic_ != nullptr && traffic_->out.is_blocked();
  const Instant taken = is_blocked ? traffic_->pace.deadline(service_.limits) : kNever;
  if (is_draining_) return std::min(due_, taken);
  // While we do not read, nobody can be heard; and while it takes what is sent, it is there.
  if (is_blocked || !is_reading()) return taken;
  if (is_pinged_) return due_;
  const Duration ping = service_.limits.web_socket.ping;
  return ping == Duration::zero() ? kNever : active_at_ + ping;
}

void WebSocketConnection::set_deadline(Instant at) {
  if (at == kNever || (is_armed() && fires_by(at))) return;  // then it is armed anew
  service_.loop.timers().arm(*this, at);
}

// --- What comes

bool WebSocketConnection::is_reading() const {
  if (stage_ == Stage::Closing) return true;
  return stage_ == Stage::Open && !is_paused_ && !is_waiting_;
}

void WebSocketConnection::resume() {
  is_paused_ = false;
  call_soon();
}

io::State WebSocketConnection::read_into(Buffer& buffer) {
  const std::span<char> room = buffer.room();
  if (room.empty()) return io::State::Blocked;
  const io::Outcome outcome = socket_.receive(room);
  // See Connection::read_into().
  may_read_ = outcome.bytes == room.size() || (outcome.bytes > 0 && peer_closed_);
  if (outcome.state == io::State::Done) {
    buffer.commit(outcome.bytes);
    service_.counters.add(Count::BytesReceived, outcome.bytes);
    active_at_ = service_.loop.now();
    is_pinged_ = false;
  }
  return outcome.state;
}

// Returns whether bytes came.
bool WebSocketConnection::receive_more() {
  Buffer& in = traffic().in;
  if (in.is_empty()) {
    in.restart();
  } else {
    in.compact();
  }
  const io::State state = read_into(in);
  if (state == io::State::Ended) flush();  // it may have ended its direction only
  if (state == io::State::Ended || state == io::State::Failed) abort();
  return state == io::State::Done;
}

void WebSocketConnection::discard_input() {
  Buffer scratch(service_.buffers);
  for (unsigned reads = 0; may_read_ && reads < kReadsPerTurn; ++reads) {
    const io::State state = read_into(scratch);
    if (state == io::State::Ended || state == io::State::Failed) stage_ = Stage::Closed;
    if (state != io::State::Done) return;
    scratch.clear();
  }
}

// Whether the next frame may be handled: not as long as the client does not take the answers to
// those before, where that is to be waited for.
bool WebSocketConnection::may_handle() {
  if (stage_ == Stage::Open && service_.limits.web_socket.slow == SlowPolicy::Wait) {
    if (is_full()) flush();
    const bool waits = stage_ == Stage::Open && is_full();
    if (waits && !is_waiting_) service_.counters.add(Count::WebSocketWaits);
    is_waiting_ = waits;
  }
  return is_reading();
}

void WebSocketConnection::handle_input() {
  while (traffic_ != nullptr && !traffic_->in.is_empty() && may_handle()) {
    const Receiver::Step step = traffic_->receiver.read(traffic_->in.content());
    traffic_->in.consume(step.consumed);
    if (step.event == Receiver::Event::None && step.consumed == 0) return;
    handle(step);
  }
  if (is_waiting_ && !is_full()) is_waiting_ = false;
}

void WebSocketConnection::handle(const Receiver::Step& step) {
  switch (step.event) {
    case Receiver::Event::None:
    case Receiver::Event::Pong:
      return;
    case Receiver::Event::Message:
      return handle_message(step);
    case Receiver::Event::Ping:
      if (stage_ != Stage::Open) return;
      traffic_->pong.assign(step.payload);
      traffic_->has_pong = true;
      return answer_pings();
    case Receiver::Event::Close:
      return handle_close(step.code, step.reason);
    case Receiver::Event::Failed:
      return fail(step.code, step.reason);
  }
}

void WebSocketConnection::handle_message(const Receiver::Step& step) {
  if (stage_ != Stage::Open) return;  // behind our Close nothing is answered
  service_.counters.add(Count::WebSocketMessagesReceived);
  service_.counters.add(Count::WebSocketBytesReceived, step.payload.size());
  if (!step.is_compressed) return handler_.on_message(*this, step.kind, step.payload);
  WebSocketPool& shared = service_.web_sockets;
  switch (shared.inflater.inflate(step.payload, service_.limits.web_socket.max_message_bytes,
                                  shared.inflated)) {
    case websocket::Inflater::Outcome::TooLong:
      return fail(close_code::kTooBig, "the message is longer than this server takes");
    case websocket::Inflater::Outcome::Broken:
      return fail(close_code::kNotConsistent, "compressed data that is not valid");
    case websocket::Inflater::Outcome::Done:
      break;
  }
  if (step.kind == websocket::Kind::Text && !websocket::is_utf8(shared.inflated)) {
    return fail(close_code::kNotConsistent, "text that is not UTF-8");
  }
  handler_.on_message(*this, step.kind, shared.inflated);
  WebSocketPool::trim(shared.inflated);
}

// RFC 6455 section 5.5.1: the answer has the code of the client; with its reason, as other servers
// answer, since browsers show that of the answer.
void WebSocketConnection::handle_close(uint16_t code, std::string_view reason) {
  if (stage_ == Stage::Open) queue_close(code, reason);
  stage_ = Stage::Ending;
  finish(code, reason);
  traffic_->in.clear();
}

}  // namespace sockherd::worker
