#include "daemon/worker/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/worker/access_log.h"
#include "daemon/worker/giver.h"
#include "daemon/worker/web_socket_connection.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using std::chrono::seconds;

// Reads of a full buffer before others have their turn.
constexpr unsigned kReadsPerTurn = 16;

// A client that has connected and said nothing (a browser that connects in advance) does not hold
// up a drain for all of header_timeout; one that is slow still gets its answer.
constexpr Duration kDrainSilence = seconds(3);

// Lingering close (RFC 9112 section 9.6): closing a socket with unread bytes resets it, and the
// reset overtakes the answer.
constexpr Duration kLingerIdle = seconds(2);
constexpr Duration kLingerLongest = seconds(30);

// After the end of an idle connection: for what is on its way, which takes one round trip.
constexpr Duration kLingerAfterIdle = seconds(1);

constexpr Instant kNever{Duration::max()};

}  // namespace

Connection::Connection(Service& service, UniqueFd fd, const Place* origin, Count begun_as)
    : Peer(service, io::Socket(service.loop, std::move(fd))),
      origin_(origin),
      active_at_(service.loop.now()) {
  service_.counters.add(begun_as);
}

Connection::~Connection() {
  if (conversation_ != nullptr && conversation_->has_upgraded() && !has_moved_) {
    if (!conversation_->is_tunnel()) {
      service_.clients.forget(socket_.fd());
      if (service_.access_log != nullptr) service_.access_log->forget(socket_.fd());
      has_moved_ = true;
      WebSocketConnection::abandon(service_, std::move(socket_), conversation_->take_upgrade());
    }
  }
  end_conversation();
  if (has_moved_) return;
  service_.clients.forget(socket_.fd());
  if (service_.access_log != nullptr) service_.access_log->forget(socket_.fd());
  service_.counters.add(has_left_ ? Count::ConnectionsGiven : Count::ConnectionsClosed);
}

void Connection::start(Service& service, UniqueFd fd, const Place* origin) {
  auto created =
      std::make_unique<Connection>(service, std::move(fd), origin, Count::ConnectionsAccepted);
  Connection& connection = *created;
  service.connections.add(std::move(created));
  connection.take_turn();
  connection.settle();
}

void Connection::adopt(Service& service, UniqueFd fd, const Place* origin) {
  const size_t open = service.connections.size();
  auto created =
      std::make_unique<Connection>(service, std::move(fd), origin, Count::ConnectionsAdopted);
  Connection& connection = *created;
  connection.is_fresh_ = false;
  connection.is_surplus_ = open >= service.limits.max_connections;
  service.connections.add(std::move(created));
  if (open < service.limits.most_adopted || connection.receive_more()) {
    connection.take_turn();
  } else {
    service.counters.add(Count::ConnectionsRefused);
    connection.end_idle();
  }
  connection.settle();
}

void Connection::refuse(Service& service, UniqueFd fd) {
  service.counters.add(Count::ConnectionsRefused);
  auto created =
      std::make_unique<Connection>(service, std::move(fd), nullptr, Count::ConnectionsAccepted);
  Connection& connection = *created;
  service.connections.add(std::move(created));
  connection.receive_more();
  constexpr std::array kFields = {http::Field{"Retry-After", "1"}};
  connection.conversation().refuse(503, "this worker serves as many connections as it may",
                                   kFields);
  connection.finish_turn();
  connection.settle();
}

Conversation& Connection::conversation() {
  if (conversation_ == nullptr) conversation_ = service_.conversations.acquire(*this, service_);
  return *conversation_;
}

void Connection::end_conversation() {
  if (conversation_ == nullptr) return;
  service_.conversations.release(std::exchange(conversation_, nullptr));
}

// The answer that says so has left.
void Connection::become_upgraded() {
  if (service_.access_log != nullptr) service_.access_log->forget(socket_.fd());
  service_.clients.forget(socket_.fd());
  has_moved_ = true;
  close();
  if (conversation_->is_tunnel()) {
    const std::unique_ptr<TunnelEnd> end = conversation_->take_tunnel();
    return end->begin(service_, std::move(socket_), conversation_->input());
  }
  WebSocketConnection::start(service_, std::move(socket_), conversation_->take_upgrade(),
                             conversation_->input());
}

void Connection::on_ready(io::Events events) {
  if ((events & io::event::kBroken) != 0) {  // reset, or both directions are closed: nobody listens
    close();
    settle();
    return;
  }
  if ((events & io::event::kPeerClosed) != 0) peer_closed_ = true;
  if ((events & (io::event::kReadable | io::event::kPeerClosed)) != 0) may_read_ = true;
  if ((events & io::event::kWritable) != 0 && conversation_ != nullptr) conversation_->on_room();
  take_turn();
  settle();
}

void Connection::proceed() {
  if (in_turn_) return;
  take_turn();
  settle();
}

// Sends what waited, then reads and handles requests as long as there are any.
void Connection::take_turn() {
  in_turn_ = true;
  if (stage_ == Stage::Linger) discard_input();
  if (stage_ == Stage::Open && conversation_ != nullptr && conversation_->can_flush()) {
    conversation_->flush();
  }
  for (unsigned reads = 0;; ++reads) {
    if (conversation_ != nullptr) conversation_->handle_input();
    if (!is_reading() || !may_read_ || reads == kReadsPerTurn) break;
    if (conversation_ != nullptr) conversation_->input().compact();
    if (!receive_more()) break;
  }
  if (peer_closed_ && conversation_ != nullptr) look_for_end();
  in_turn_ = false;
  finish_turn();
}

// A client that goes while its request is under way elsewhere is noticed. What stands before its
// end are further requests.
void Connection::look_for_end() {
  if (!conversation_->awaits_job()) return;
  while (!ended_ && may_read_ && stage_ == Stage::Open && receive_more()) {
  }
  if (ended_ && stage_ == Stage::Open) conversation_->on_ended();
}

// What every turn ends with: all answers in one send, the deadline, no memory that is not needed.
void Connection::finish_turn() {
  if (stage_ == Stage::Open) end_after_answers();
  if (stage_ == Stage::Open && conversation_ != nullptr && conversation_->has_upgraded() &&
      !conversation_->has_unsent()) {
    return become_upgraded();
  }
  if (conversation_ != nullptr && conversation_->is_over()) end_conversation();
  if (service_.giver != nullptr && leave()) return;
  if (stage_ == Stage::Closed || !watch_socket()) return;
  if (conversation_ != nullptr) conversation_->release_memory();
  set_deadline(deadline_for_stage());
  const bool has_more = may_read_ && (is_reading() || stage_ == Stage::Linger);
  if (has_more) socket_.call_again(0);
}

// Must be the last thing of every entry: the connection may be gone after it.
void Connection::settle() {
  if (stage_ == Stage::Closed) service_.connections.remove(*this);
}

// --- The socket

// Late: a client that sends one request and closes costs no registration.
bool Connection::watch_socket() {
  if (socket_.is_watched() || socket_.watch(*this)) return true;
  close();
  return false;
}

bool Connection::is_reading() const {
  if (stage_ != Stage::Open || ended_) return false;
  return conversation_ == nullptr || conversation_->wants_input();
}

bool Connection::receive_more() {
  Conversation& conversation = this->conversation();
  const bool was_empty = conversation.input().is_empty();
  size_t bytes = 0;
  if (!read_into(conversation.input(), bytes)) return false;
  active_at_ = service_.loop.now();
  conversation.on_received(active_at_, bytes, was_empty);
  return true;
}

// Returns whether bytes came.
bool Connection::read_into(Buffer& buffer, size_t& bytes) {
  const std::span<char> room = buffer.room();
  if (room.empty()) return false;
  const io::Outcome outcome = socket_.receive(room);
  bytes = outcome.bytes;
  // A read that did not fill the buffer has emptied the socket: the next bytes come with an event
  // of their own. Only the end of the stream may stand behind it, which peer_closed_ has told.
  may_read_ = bytes == room.size() || (bytes > 0 && peer_closed_);
  switch (outcome.state) {
    case io::State::Done:
      buffer.commit(bytes);
      service_.counters.add(Count::BytesReceived, bytes);
      return true;
    case io::State::Blocked:
      return false;
    case io::State::Ended:
      ended_ = true;
      return false;
    case io::State::Failed:
      close();
      return false;
  }
  return false;
}

bool Connection::note_request() {
  is_fresh_ = false;
  ++requests_;
  const uint32_t most = service_.limits.connection_requests;
  const bool is_exhausted = most != 0 && requests_ >= most;
  if (is_exhausted) service_.counters.add(Count::RequestsExhausted);
  return is_surplus_ || is_exhausted;
}

// --- Leaving

// Whether another worker can go on with it: all that has been read is answered, and the client may
// send another request.
bool Connection::may_leave() const {
  return service_.phase == ServicePhase::Draining && is_idle() && !ended_ && !peer_closed_ &&
         origin_ != nullptr;
}

// What the client sends from now on waits in the socket for the next one who reads it. Others hold
// the same open file then, so it is taken out of the loop before.
bool Connection::leave() {
  if (!may_leave() || service_.giver->is_blocked() || !socket_.release()) return false;
  has_left_ = service_.giver->give(socket_.fd(), *origin_);
  if (has_left_) {
    close();
  } else {
    watch_socket();
  }
  return has_left_;
}

// --- The end

void Connection::end_after_answers() {
  if (conversation_ == nullptr) {
    if (ended_) close();
    return;
  }
  if (conversation_->can_flush()) conversation_->flush();
  if (stage_ == Stage::Closed || conversation_->has_unsent()) return;
  if (conversation_->is_last()) {
    if (ended_ || !conversation_->may_send_more()) return close();
    start_linger(kLingerLongest);
  } else if (ended_ && conversation_->awaits_input()) {
    close();
  }
}

void Connection::start_linger(Duration longest) {
  socket_.end_sending();
  end_conversation();
  stage_ = Stage::Linger;
  active_at_ = service_.loop.now();
  until_ = active_at_ + longest;
  may_read_ = true;
  discard_input();
}

void Connection::discard_input() {
  Buffer scratch(service_.buffers);
  size_t bytes = 0;
  for (unsigned reads = 0; may_read_ && reads < kReadsPerTurn; ++reads) {
    const bool more = read_into(scratch, bytes);
    if (ended_) close();
    if (!more) return;
    active_at_ = service_.loop.now();
    scratch.clear();
  }
}

void Connection::set_deadline(Instant at) {
  deadline_ = at;
  if (at == kNever || (is_armed() && fires_by(at)))
    return;  // fires too early, finds out, and is armed anew
  service_.loop.timers().arm(*this, at);
}

Instant Connection::deadline_for_stage() const {
  if (stage_ == Stage::Linger) return std::min(active_at_ + kLingerIdle, until_);
  if (conversation_ != nullptr) return conversation_->deadline();
  return idle_deadline();
}

Instant Connection::idle_deadline() const {
  const Limits& limits = service_.limits;
  const bool is_draining = service_.phase == ServicePhase::Draining;
  if (service_.giver != nullptr && may_leave()) return kNever;  // tried again by the giver
  if (is_fresh_) {
    return active_at_ +
           (is_draining ? std::min(limits.header_timeout, kDrainSilence) : limits.header_timeout);
  }
  if (is_draining) return std::max(active_at_ + limits.drain_idle, until_);
  return active_at_ + limits.keepalive_timeout;
}

void Connection::on_due(Instant now) {
  if (now < deadline_) {
    set_deadline(deadline_);
    return;
  }
  on_timeout(now);
  settle();
}

void Connection::on_timeout(Instant now) {
  if (stage_ == Stage::Linger) return close();
  if (conversation_ == nullptr) return on_idle_timeout();
  in_turn_ = true;
  conversation_->on_timeout(now);
  in_turn_ = false;
  if (stage_ != Stage::Closed) take_turn();
}

// The end of a connection on which nothing is under way, as far as we know. A worker that drains
// comes here only where no other can take the connection (leave()).
//
// Guaranteed: a request that has arrived is answered, and that answer says "Connection: close". So
// is one from a client that is never idle for drain_idle (keepalive_timeout while we serve).
// Not guaranteed, and nobody can: a request that the client sends before it sees our end, and that
// arrives after our last look. RFC 9112 section 9.5 knows that race; the client repeats the request
// on another connection (section 9.3.1), which it may do by itself if the request is idempotent.
// The window is the way from us to the client, a few microseconds on one machine, plus the two
// system calls between our look and our end.
// What we can do is to end in stages (section 9.6): close(2) would answer such a request with a
// reset, which on many systems (not on Linux) also takes from the client what it has not yet read
// of our last answer. So we send our end, read on for a round trip and drop what comes: an answer
// cannot be sent any more. The client reads the end of the stream, not a reset.
void Connection::on_idle_timeout() {
  socket_.look();
  if (receive_more()) return take_turn();
  if (service_.phase == ServicePhase::Serving) {
    service_.counters.add(Count::KeepaliveTimeouts);
  }
  end_idle();
}

void Connection::end_idle() {
  if (ended_ || stage_ == Stage::Closed) return close();
  start_linger(kLingerAfterIdle);
  finish_turn();
}

// --- Drain

void Connection::drain(double spread) {
  if (!is_idle()) return;
  if (service_.giver != nullptr && may_leave()) {
    if (!leave()) set_deadline(deadline_for_stage());
    return settle();
  }
  if (!is_fresh_) {
    const auto wait = std::chrono::duration_cast<Duration>(service_.limits.drain_spread * spread);
    // From where it could end: clients that were all busy a moment ago are spread as well.
    until_ = std::max(active_at_ + service_.limits.drain_idle, service_.loop.now()) + wait;
  }
  set_deadline(deadline_for_stage());
}

}  // namespace sockherd::worker
