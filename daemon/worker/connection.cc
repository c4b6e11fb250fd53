#include "daemon/worker/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/http/path.h"
#include "daemon/worker/giver.h"

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
    : service_(service),
      fd_(std::move(fd)),
      origin_(origin),
      in_(service.buffers),
      answers_(service),
      received_at_(service.loop.now()),
      began_(received_at_) {
  service_.counters.add(begun_as);
}

Connection::~Connection() {
  job_.reset();
  watch_.end_by_close();
  service_.counters.add(has_left_ ? Count::ConnectionsGiven : Count::ConnectionsClosed);
}

void Connection::start(Service& service, UniqueFd fd, const Place* origin) {
  auto created =
      std::make_unique<Connection>(service, std::move(fd), origin, Count::ConnectionsAccepted);
  Connection& connection = *created;
  service.connections.add(std::move(created));
  connection.serve();
  connection.settle();
}

void Connection::adopt(Service& service, UniqueFd fd, const Place* origin) {
  const size_t open = service.connections.size();
  auto created =
      std::make_unique<Connection>(service, std::move(fd), origin, Count::ConnectionsAdopted);
  Connection& connection = *created;
  connection.is_fresh_ = false;
  connection.must_end_ = open >= service.limits.max_connections;
  service.connections.add(std::move(created));
  if (open < service.limits.most_adopted || connection.receive_more()) {
    connection.serve();
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
  connection.in_.clear();
  constexpr std::array kFields = {http::Field{"Retry-After", "1"}};
  connection.must_end_ = true;
  connection.put_error(503, "this worker serves as many connections as it may", kFields);
  connection.finish_turn();
  connection.settle();
}

void Connection::on_ready(Events events) {
  if ((events & event::kBroken) != 0) {  // reset, or both directions are closed: nobody listens
    close();
    settle();
    return;
  }
  if ((events & event::kPeerClosed) != 0) peer_closed_ = true;
  if ((events & (event::kReadable | event::kPeerClosed)) != 0) may_read_ = true;
  if ((events & event::kWritable) != 0) answers_.unblock();
  serve();
  settle();
}

// One turn: sends what waited, then reads and handles requests as long as there are any.
void Connection::serve() {
  busy_ = true;
  if (phase_ == Phase::Linger) discard_input();
  if (!answers_.is_blocked() && !answers_.is_empty()) flush();
  for (unsigned reads = 0;; ++reads) {
    handle_input();
    if (!is_reading() || !may_read_ || reads == kReadsPerTurn) break;
    in_.compact();
    if (!receive_more()) break;
  }
  busy_ = false;
  finish_turn();
}

// What every turn ends with: all answers in one send, the deadline, no buffer that is not needed.
void Connection::finish_turn() {
  if (phase_ != Phase::Closed && !answers_.is_blocked() && !answers_.is_empty()) flush();
  if (phase_ != Phase::Closed && answers_.is_empty()) end_after_answers();
  if (service_.giver != nullptr && leave()) return;
  if (phase_ == Phase::Closed || !watch_socket()) return;
  in_.release_if_empty();
  set_deadline(deadline_for_phase());
  const bool has_more = may_read_ && (is_reading() || phase_ == Phase::Linger);
  if (has_more) watch_.call_again(0);
}

// Must be the last thing of every entry: the connection may be gone after it.
void Connection::settle() {
  if (phase_ == Phase::Closed) service_.connections.remove(*this);
}

// Registered late: a client that sends one request and closes never is.
bool Connection::watch_socket() {
  if (watch_) return true;
  Events events = event::kReadable | event::kPeerClosed | event::kEdge;
  if (watches_room_) events |= event::kWritable;
  auto watch = service_.loop.watch(fd_.get(), events, *this);
  if (!watch) {  // out of memory, or of fs.epoll.max_user_watches
    close();
    return false;
  }
  watch_ = std::move(watch).value();
  return true;
}

// --- Requests

bool Connection::is_reading() const {
  return (phase_ == Phase::Head || phase_ == Phase::Body) && !last_answer_ &&
         !answers_.is_blocked() && !ended_;
}

bool Connection::is_silent() const {
  return is_fresh_ && phase_ == Phase::Head && in_.is_empty();
}

Instant Connection::idle_since() const {
  return std::max(received_at_, answers_.sent_at());
}

bool Connection::is_idle() const {
  return phase_ == Phase::Head && in_.is_empty() && answers_.is_empty();
}

// Whether another worker can go on with it: all that has been read is answered, and the client may
// send another request.
bool Connection::may_leave() const {
  return service_.phase == ServicePhase::Draining && is_idle() && !last_answer_ && !ended_ &&
         !peer_closed_ && origin_ != nullptr;
}

// What the client sends from now on waits in the socket for the next one who reads it. Others hold
// the same open file then, so it is taken out of the kernel's set.
bool Connection::leave() {
  if (!may_leave() || !service_.giver->give(fd_.get(), *origin_)) return false;
  watch_.end();
  has_left_ = true;
  close();
  return true;
}

// Returns whether bytes came.
bool Connection::receive_more() {
  const std::span<char> room = in_.room();
  if (room.empty()) return false;
  const bool was_empty = in_.is_empty();
  const IoOutcome outcome = receive(fd_.get(), room);
  // A read that did not fill the buffer has emptied the socket: the next bytes come with an event
  // of their own. Only the end of the stream may stand behind it, which peer_closed_ has told.
  may_read_ = outcome.bytes == room.size() || (outcome.bytes > 0 && peer_closed_);
  switch (outcome.state) {
    case IoState::Done:
      in_.commit(outcome.bytes);
      received_at_ = service_.loop.now();
      if (was_empty && phase_ == Phase::Head) began_ = received_at_;
      service_.counters.add(Count::BytesReceived, outcome.bytes);
      return true;
    case IoState::Blocked:
      return false;
    case IoState::Ended:
      ended_ = true;
      return false;
    case IoState::Failed:
      close();
      return false;
  }
  return false;
}

void Connection::handle_input() {
  for (;;) {
    switch (phase_) {
      case Phase::Head:
        if (begin_request() == Progress::Stuck) return;
        break;
      case Phase::Body:
        if (take_body() == Progress::Stuck) return;
        break;
      case Phase::Answer:
        if (!answered_) return;
        end_request();
        break;
      case Phase::Linger:
      case Phase::Closed:
        return;
    }
  }
}

bool Connection::has_room_for_answer() {
  if (answers_.has_room()) return true;
  flush();
  return phase_ != Phase::Closed && answers_.is_empty();
}

Connection::Progress Connection::begin_request() {
  if (in_.is_empty() || last_answer_ || answers_.is_blocked() || !has_room_for_answer())
    return Progress::Stuck;
  http::RequestHead& head = service_.head;
  const http::ParseResult result =
      http::parse_request_head(in_.bytes(), service_.limits.head, head, scanned_);
  if (result.state == http::ParseState::Incomplete) {
    in_.compact();
    return Progress::Stuck;
  }
  scanned_ = 0;
  is_head_ = head.method == http::Method::Head;
  if (result.state == http::ParseState::Refused) {
    refuse_request(result.status, result.reason);
    return Progress::Stuck;
  }
  in_.consume(result.consumed);
  service_.counters.add(Count::Requests);
  is_fresh_ = false;
  keep_alive_ = head.keep_alive;
  minor_version_ = head.minor_version;
  answered_ = false;
  phase_ = Phase::Answer;
  if (head.body != http::BodyKind::None && !body_is_acceptable(head)) return Progress::Stuck;
  dispatch(head);
  return phase_ == Phase::Closed ? Progress::Stuck : Progress::Made;
}

// Prepares for the body. What of it is in the buffer already is checked before anybody acts on the
// request.
bool Connection::body_is_acceptable(const http::RequestHead& head) {
  const uint64_t most = service_.limits.max_body_bytes;
  if (head.body == http::BodyKind::Length && head.content_length > most) {
    refuse_request(413, "the body is longer than this server takes");
    return false;
  }
  phase_ = Phase::Body;
  body_ = http::BodyReader(head.body, head.content_length, most);
  continue_pending_ = head.expect_continue && in_.is_empty();
  http::BodyReader probe = body_;
  std::string_view rest = in_.bytes();
  for (;;) {
    const http::BodyReader::Step step = probe.read(rest);
    if (step.state == http::ParseState::Refused) {
      refuse_request(step.status, step.reason);
      return false;
    }
    if (step.state == http::ParseState::Complete || step.consumed == 0) return true;
    rest.remove_prefix(step.consumed);
  }
}

void Connection::dispatch(const http::RequestHead& head) {
  if (head.method == http::Method::Unknown || head.method == http::Method::Connect) {
    refuse_request(501, "this method is not implemented");
    return;
  }
  if (head.form == http::TargetForm::Asterisk) {
    constexpr std::array kFields = {http::Field{"Allow", "GET, HEAD, POST, OPTIONS"}};
    answer({.status = 204, .fields = kFields});
    return;
  }
  const http::PlainPath plain = http::plain_path(head.path, service_.path);
  if (plain.fault != http::PathFault::None) {
    answer_error(400, http::describe(plain.fault), {});
    return;
  }
  Handler* handler = service_.router.find(plain.path);
  if (handler == nullptr) {
    answer_error(404, "", {});
    return;
  }
  job_ = handler->handle({.head = head, .path = plain.path}, *this);
  SH_ASSERT(job_ != nullptr || answered_);
  if (answered_) return;
  if (phase_ == Phase::Body) {
    ask_for_body();
  } else {
    job_->on_body_end();
  }
}

void Connection::ask_for_body() {
  if (!std::exchange(continue_pending_, false)) return;
  answers_.put_continue();
}

Connection::Progress Connection::take_body() {
  if (last_answer_) return Progress::Stuck;
  while (!body_.is_complete()) {
    const http::BodyReader::Step step = body_.read(in_.bytes());
    in_.consume(step.consumed);
    if (step.state == http::ParseState::Refused) {
      refuse_request(step.status, step.reason);
      return Progress::Stuck;
    }
    if (!step.data.empty() && job_ != nullptr && !answered_) job_->on_body(step.data);
    if (step.state == http::ParseState::Incomplete && step.consumed == 0) {
      in_.compact();
      return Progress::Stuck;
    }
  }
  phase_ = Phase::Answer;
  if (job_ != nullptr && !answered_) job_->on_body_end();
  return Progress::Made;
}

void Connection::end_request() {
  job_.reset();
  phase_ = Phase::Head;
  began_ = received_at_;  // of what stands behind it in the buffer
}

// --- Answers

// A drain may only end a connection whose client has not sent a further request already.
bool Connection::has_request_waiting() {
  if (phase_ != Phase::Answer) return false;
  return !in_.is_empty() || in_.room().empty() || receive_more();
}

http::ConnectionOption Connection::decide_persistence(Persistence wanted) {
  bool keep = keep_alive_ && wanted == Persistence::Keep && !must_end_ && !continue_pending_;
  if (keep && service_.phase == ServicePhase::Draining) keep = has_request_waiting();
  last_answer_ = !keep;
  if (!keep) return http::ConnectionOption::Close;
  return minor_version_ == 0 ? http::ConnectionOption::KeepAlive : http::ConnectionOption::None;
}

void Connection::answer(Answer answer) {
  SH_ASSERT(!answered_);
  const http::ConnectionOption option = decide_persistence(answer.persistence);
  if (!answers_.put(std::move(answer), asked(option))) close();
  answer_is_put();
}

void Connection::answer_error(int status, std::string_view reason,
                              std::span<const http::Field> fields) {
  SH_ASSERT(!answered_);
  put_error(status, reason, fields);
  answer_is_put();
}

Asked Connection::asked(http::ConnectionOption option) const {
  return {.began = began_, .is_head = is_head_, .connection = option};
}

void Connection::put_error(int status, std::string_view reason,
                           std::span<const http::Field> fields) {
  answers_.put_error(status, reason, fields, asked(decide_persistence(Persistence::Keep)));
}

// An answer that comes from within serve() leaves with the others of its batch.
void Connection::answer_is_put() {
  answered_ = true;
  if (busy_) return;
  serve();
  settle();
}

// Answers what is wrong with the stream itself; the connection ends after it.
void Connection::refuse_request(int status, std::string_view reason) {
  if (status == 400) service_.counters.add(Count::BadRequests);
  if (status == 413) service_.counters.add(Count::BodyTooLarge);
  if (status == 414) service_.counters.add(Count::TargetTooLong);
  if (status == 431) service_.counters.add(Count::HeadTooLarge);
  const bool was_answered = phase_ == Phase::Body && answered_;
  must_end_ = true;
  last_answer_ = true;
  job_.reset();
  if (!was_answered) put_error(status, reason, {});
  answered_ = true;
}

void Connection::flush() {
  switch (answers_.flush(fd_.get(), received_at_)) {
    case IoState::Done:
      break;
    case IoState::Blocked:
      watch_for_room();
      break;
    case IoState::Ended:
    case IoState::Failed:
      close();
  }
}

// Added when it is needed first, and left: edge-triggered, it costs nothing until the socket is
// full again.
void Connection::watch_for_room() {
  if (std::exchange(watches_room_, true)) return;
  const Events events = event::kReadable | event::kPeerClosed | event::kWritable | event::kEdge;
  if (watch_) watch_.change(events);
}

// --- The end

void Connection::end_after_answers() {
  if (last_answer_ && phase_ != Phase::Linger) {
    const bool may_send_more = keep_alive_ || must_end_ || phase_ == Phase::Body;
    if (ended_ || !may_send_more) return close();
    start_linger(kLingerLongest);
  }
  const bool awaits_input = phase_ == Phase::Head || phase_ == Phase::Body;
  if (ended_ && awaits_input) close();
}

void Connection::start_linger(Duration longest) {
  shut_down_sending(fd_.get());
  job_.reset();
  in_.clear();
  phase_ = Phase::Linger;
  received_at_ = service_.loop.now();
  began_ = received_at_ + longest;
  may_read_ = true;
  discard_input();
}

void Connection::discard_input() {
  for (unsigned reads = 0; may_read_ && reads < kReadsPerTurn; ++reads) {
    const bool more = receive_more();
    in_.clear();
    if (ended_) close();
    if (!more) return;
  }
}

void Connection::set_deadline(Instant at) {
  deadline_ = at;
  if (at == kNever || (is_armed() && armed_for_ <= at))
    return;  // fires too early, finds out, and is armed anew
  armed_for_ = at;
  service_.loop.timers().arm(*this, at);
}

Instant Connection::deadline_for_phase() const {
  const Limits& limits = service_.limits;
  if (phase_ == Phase::Linger) {
    return std::min(received_at_ + kLingerIdle, began_);
  }
  if (answers_.is_blocked()) return answers_.sent_at() + limits.write_timeout;
  if (phase_ == Phase::Body) return received_at_ + limits.body_timeout;
  if (phase_ == Phase::Answer) return kNever;  // the job has its own
  const bool is_draining = service_.phase == ServicePhase::Draining;
  if (service_.giver != nullptr && may_leave()) return kNever;  // tried again by the giver
  if (is_silent() && is_draining) return began_ + std::min(limits.header_timeout, kDrainSilence);
  if (is_fresh_ || !in_.is_empty()) return began_ + limits.header_timeout;
  if (is_draining) return std::max(idle_since() + limits.drain_idle, began_);
  return idle_since() + limits.keepalive_timeout;
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
  if (phase_ == Phase::Linger) return close();
  if (answers_.is_blocked()) {
    service_.counters.add(Count::WriteTimeouts);
    return close();
  }
  if (phase_ == Phase::Answer) return;
  if (is_idle()) return on_idle_timeout();
  const bool in_body = phase_ == Phase::Body;
  // Bytes that came in this very moment are progress; of a head they are not.
  if (in_body && receive_more()) return serve();
  if (phase_ == Phase::Closed) return;
  service_.counters.add(in_body ? Count::BodyTimeouts : Count::HeaderTimeouts);
  received_at_ = now;
  refuse_request(408, in_body ? "the body took too long" : "the head took too long");
  finish_turn();
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
  if (receive_more()) return serve();
  if (service_.phase == ServicePhase::Serving) service_.counters.add(Count::KeepaliveTimeouts);
  end_idle();
}

void Connection::end_idle() {
  if (ended_ || phase_ == Phase::Closed) return close();
  start_linger(kLingerAfterIdle);
  finish_turn();
}

void Connection::drain_all(Service& service) {
  const auto count = static_cast<double>(service.connections.size());
  double place = 0;
  service.connections.for_each([&place, count](Connection& connection) {
    connection.drain(place / count);
    place += 1;
  });
}

void Connection::drain(double spread) {
  if (phase_ != Phase::Head || !in_.is_empty()) return;
  if (service_.giver != nullptr && may_leave()) {
    if (!leave()) set_deadline(deadline_for_phase());
    return settle();
  }
  if (is_fresh_) return set_deadline(deadline_for_phase());
  const auto wait = std::chrono::duration_cast<Duration>(service_.limits.drain_spread * spread);
  // From where it could end: clients that were all busy a moment ago are spread as well.
  began_ = std::max(idle_since() + service_.limits.drain_idle, service_.loop.now()) + wait;
  if (answers_.is_empty()) set_deadline(deadline_for_phase());
}

}  // namespace sockherd::worker
