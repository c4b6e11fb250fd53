#include "daemon/worker/web_socket_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/rooms/hub.h"
#include "daemon/websocket/close.h"
#include "daemon/websocket/utf8.h"
#include "daemon/worker/reset.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using websocket::Opcode;
using websocket::Receiver;
namespace close_code = websocket::close_code;

// Reads of a full buffer before others have their turn.
constexpr unsigned kReadsPerTurn = 16;

// Behind our end: for what is on its way.
constexpr Duration kLinger = std::chrono::seconds(2);

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

WebSocketTraffic& WebSocketConnection::traffic() {
  if (traffic_ == nullptr) {
    traffic_ = service_.web_sockets.acquire(
        {.role = websocket::Role::Server,
         .extension =
             deflate_window_bits_ == 0 ? websocket::Extension::None : websocket::Extension::Deflate,
         .max_message_bytes = service_.limits.web_socket.max_message_bytes});
  }
  return *traffic_;
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

// --- What comes

bool WebSocketConnection::is_reading() const {
  if (stage_ == Stage::Closing) return true;
  return stage_ == Stage::Open && !is_paused_ && !is_waiting_;
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

// --- What goes

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

void WebSocketConnection::resume() {
  is_paused_ = false;
  call_soon();
}

// --- The end

void WebSocketConnection::close(uint16_t code, std::string_view reason) {
  if (stage_ != Stage::Open) return;
  queue_close(code, reason);
  stage_ = Stage::Closing;
  is_pinged_ = false;
  due_ = service_.loop.now() + service_.limits.web_socket.close_timeout;
  if (traffic_->has_pong) traffic_->has_pong = false;
  call_soon();
}

// The client breaks the rules (section 7.1.7): it is told, and nothing more is read.
void WebSocketConnection::fail(uint16_t code, std::string_view reason) {
  if (stage_ == Stage::Open) queue_close(code, reason);
  stage_ = Stage::Ending;
  traffic_->in.clear();
  finish(code, reason);
}

// There is nobody any more.
void WebSocketConnection::abort() {
  stage_ = Stage::Closed;
  finish(close_code::kAbnormal, "");
}

// As abort(), of one that does not take what was sent.
void WebSocketConnection::reset_connection() {
  drop_unsent_at_close(socket_.fd());
  abort();
}

void WebSocketConnection::finish(uint16_t code, std::string_view reason) {
  if (is_over_) return;
  is_over_ = true;
  due_ = service_.loop.now() + service_.limits.web_socket.close_timeout;
  service_.counters.add(Count::WebSocketsClosed);
  count_close(code);
  if (service_.hub != nullptr) service_.hub->leave_all(*this);
  handler_.on_close(*this, code, reason);
}

void WebSocketConnection::count_close(uint16_t code) {
  const auto count = [code] {
    if (code == close_code::kNormal || code == close_code::kNone)
      return Count::WebSocketClosesNormal;
    if (code == close_code::kGoingAway) return Count::WebSocketClosesGoingAway;
    if (code == close_code::kAbnormal) return Count::WebSocketClosesAbnormal;
    return code >= 3000 ? Count::WebSocketClosesApplication : Count::WebSocketClosesError;
  };
  service_.counters.add(count());
}

// A client that is still sending must not be answered with a reset, which would overtake our Close
// (see Connection::on_idle_timeout()): our end first, and then what comes is read and dropped.
void WebSocketConnection::start_linger() {
  socket_.end_sending();
  release_traffic();
  stage_ = Stage::Linger;
  due_ = service_.loop.now() + kLinger;
  may_read_ = true;
  discard_input();
}

// --- Time

void WebSocketConnection::drain(double spread) {
  if (is_draining_ || stage_ != Stage::Open) return;
  is_draining_ = true;
  due_ = service_.loop.now() +
         std::chrono::duration_cast<Duration>(service_.limits.web_socket.drain * spread);
  is_pinged_ = false;
  set_deadline(deadline());
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

void WebSocketConnection::on_due(Instant now) {
  const Instant at = deadline();
  if (now < at) return set_deadline(at);
  on_timeout(now);
  settle();
}

void WebSocketConnection::on_timeout(Instant now) {
  if (stage_ == Stage::Linger) {
    stage_ = Stage::Closed;
    return;
  }
  if (stage_ != Stage::Open) {  // the client does not close, or does not read
    service_.counters.add(Count::WebSocketCloseTimeouts);
    return reset_connection();
  }
  if (traffic_ != nullptr && traffic_->out.is_blocked() &&
      now >= traffic_->pace.deadline(service_.limits)) {
    if (!traffic_->pace.is_too_slow(socket_, now, service_.limits)) {
      return set_deadline(deadline());
    }
    const bool is_slow = traffic_->pace.was_behind(now, service_.limits);
    service_.counters.add(is_slow ? Count::SlowReads : Count::WriteTimeouts);
    return reset_connection();
  }
  // What has come in this very moment counts: it is answered before we close, and is a sign of
  // life.
  socket_.look();
  may_read_ = true;
  take_turn();
  if (stage_ == Stage::Open && now >= deadline()) on_silence(now);
}

void WebSocketConnection::on_silence(Instant now) {
  if (is_draining_) {
    close(close_code::kGoingAway, "this server is about to end");
  } else if (is_pinged_) {
    service_.counters.add(Count::WebSocketTimeouts);
    return reset_connection();
  } else {
    is_pinged_ = true;
    due_ = now + service_.limits.web_socket.timeout;
    ping();
  }
  take_turn();
}

}  // namespace sockherd::worker
