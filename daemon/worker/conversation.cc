#include "daemon/worker/conversation.h"

#include <array>
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/http/path.h"
#include "daemon/worker/connection.h"
#include "daemon/worker/reset.h"

namespace sockherd::worker {
namespace {

using stats::Count;

constexpr Instant kNever{Duration::max()};

constexpr std::string_view kHeadTooLong = "the head of the answer is too long";

}  // namespace

Conversation::Conversation(Service& service)
    : service_(service), in_(service.buffers), answers_(service) {}

Conversation::~Conversation() = default;

void Conversation::begin(Connection& connection) {
  connection_ = &connection;
  received_at_ = began_ = service_.loop.now();
  answers_.begin(received_at_);
  extras_ = service_.router.extras();
  minor_version_ = 1;
  keep_alive_ = true;
  is_head_ = answered_ = continue_pending_ = must_end_ = is_body_paused_ = passes_on_ = false;
}

void Conversation::release_memory() {
  in_.release_if_empty();
  answers_.release_if_empty();
}

// --- Requests

bool Conversation::wants_input() const {
  const bool takes = phase_ == Phase::Head || (phase_ == Phase::Body && !is_body_paused_);
  return takes && (!last_answer_ || passes_on_) && !answers_.is_blocked();
}

void Conversation::on_received(Instant now, size_t bytes, bool is_first) {
  received_at_ = now;
  if (is_first && phase_ == Phase::Head) began_ = now;
  if (phase_ == Phase::Body) body_pace_.note(now, body_pace_.bytes() + bytes);
}

void Conversation::handle_input() {
  while (!connection_->is_closed()) {
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
      case Phase::Upgrade:
        return;
    }
  }
}

bool Conversation::has_room_for_answer() {
  if (answers_.has_room()) return true;
  flush();
  return !connection_->is_closed() && answers_.is_empty();
}

Conversation::Progress Conversation::begin_request() {
  if (in_.is_empty() || last_answer_ || answers_.is_blocked() || !has_room_for_answer())
    return Progress::Stuck;
  const http::HeadMemo::Parsed parsed = service_.heads.parse(in_.bytes(), scanned_);
  const http::ParseResult& result = parsed.result;
  const http::RequestHead& head = *parsed.head;
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
  answers_.note_request(connection_->socket().fd(), head, began_);
  service_.counters.add(Count::Requests);
  must_end_ |= connection_->note_request();
  keep_alive_ = head.keep_alive;
  minor_version_ = head.minor_version;
  answered_ = passes_on_ = knows_end_ = false;
  phase_ = Phase::Answer;
  if (head.body != http::BodyKind::None && !body_is_acceptable(head)) return Progress::Stuck;
  dispatch(head);
  return Progress::Made;
}

// Prepares for the body. What of it is in the buffer already is checked before anybody acts on the
// request.
bool Conversation::body_is_acceptable(const http::RequestHead& head) {
  const uint64_t most = service_.limits.max_body_bytes;
  if (head.body == http::BodyKind::Length && head.content_length > most) {
    refuse_request(413, "the body is longer than this server takes");
    return false;
  }
  phase_ = Phase::Body;
  is_body_paused_ = false;
  body_pace_.begin(received_at_);
  body_pace_.note(received_at_, in_.bytes().size());  // what came together with the head
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

void Conversation::dispatch(const http::RequestHead& head) {
  if (head.method == http::Method::Connect) {
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
  const Router::Route* route = service_.router.find(plain.path);
  if (head.method == http::Method::Unknown &&
      (route == nullptr || !route->handler->takes_unknown_methods())) {
    refuse_request(501, "this method is not implemented");
    return;
  }
  if (route == nullptr) {
    answer_error(404, "", {});
    return;
  }
  if (plain.has_escaped_slash || plain.had_dots) {
    const bool passes_on = route->handler->passes_path_on();
    if (passes_on ? plain.had_dots : plain.has_escaped_slash) {
      answer_error(400, passes_on ? "dot segments in the path" : "encoded slash in the path", {});
      return;
    }
  }
  extras_ = route->extras.get();
  head_ = &head;
  job_ = route->handler->handle({.head = head, .path = plain.path}, *this);
  head_ = nullptr;
  SH_ASSERT(job_ != nullptr || answered_);
  if (answered_) return;
  if (phase_ == Phase::Body) {
    ask_for_body();
  } else {
    job_->on_body_end();
  }
}

void Conversation::ask_for_body() {
  if (!std::exchange(continue_pending_, false)) return;
  answers_.put_continue();
}

Conversation::Progress Conversation::take_body() {
  if (last_answer_ && !passes_on_) return Progress::Stuck;
  while (!body_.is_complete()) {
    if (is_body_paused_ && (!answered_ || passes_on_)) return Progress::Stuck;
    const http::BodyReader::Step step = body_.read(in_.bytes());
    in_.consume(step.consumed);
    if (step.state == http::ParseState::Refused) {
      refuse_request(step.status, step.reason);
      return Progress::Stuck;
    }
    if (!step.data.empty() && feeds_job()) job_->on_body(step.data);
    if (step.state == http::ParseState::Incomplete && step.consumed == 0) {
      in_.compact();
      if (feeds_job() && !is_body_paused_) job_->on_body_gap();
      return Progress::Stuck;
    }
  }
  phase_ = Phase::Answer;
  if (feeds_job()) job_->on_body_end();
  return Progress::Made;
}

// The client could not send meanwhile, so its pace begins anew.
void Conversation::resume_body() {
  if (!std::exchange(is_body_paused_, false) || phase_ != Phase::Body) return;
  body_pace_.begin(service_.loop.now());
  connection_->proceed();
}

void Conversation::end_request() {
  job_.reset();
  passes_on_ = false;
  extras_ = service_.router.extras();
  phase_ = Phase::Head;
  is_body_paused_ = false;
  began_ = received_at_;  // of what stands behind it in the buffer
}

// --- Answers

// A drain may only end a connection whose client has not sent a further request already.
bool Conversation::has_request_waiting() {
  if (phase_ != Phase::Answer) return false;
  if (!in_.is_empty() || in_.room().empty()) return true;
  connection_->socket().look();
  return connection_->receive_more();
}

http::ConnectionOption Conversation::decide_persistence(Persistence wanted) {
  bool keep = keep_alive_ && wanted == Persistence::Keep && !must_end_ && !continue_pending_;
  if (keep && service_.phase == ServicePhase::Draining) keep = has_request_waiting();
  last_answer_ = !keep;
  if (!keep) return http::ConnectionOption::Close;
  return minor_version_ == 0 ? http::ConnectionOption::KeepAlive : http::ConnectionOption::None;
}

void Conversation::answer(Answer answer) {
  SH_ASSERT(!answered_);
  if (ends_with_connection(answer, minor_version_)) answer.persistence = Persistence::Close;
  const http::ConnectionOption option = decide_persistence(answer.persistence);
  if (!answers_.put(answer, asked(option))) connection_->close();
  answer_is_put();
}

void Conversation::answer_error(int status, std::string_view reason,
                                std::span<const http::Field> fields) {
  SH_ASSERT(!answered_);
  put_error(status, reason, fields);
  answer_is_put();
}

Asked Conversation::asked(http::ConnectionOption option) const {
  return {.began = began_,
          .is_head = is_head_,
          .minor_version = minor_version_,
          .connection = option,
          .extras = extras_};
}

void Conversation::put_error(int status, std::string_view reason,
                             std::span<const http::Field> fields) {
  answers_.put_error(status, reason, fields, asked(decide_persistence(Persistence::Keep)));
}

// An answer that comes from within a turn leaves with the others of its batch. What is left of the
// body is dropped from here on, also where the job had paused it: there will be nobody to resume.
void Conversation::answer_is_put() {
  answered_ = true;
  if (is_body_paused_ && !passes_on_) {
    is_body_paused_ = false;
    body_pace_.begin(service_.loop.now());
  }
  connection_->proceed();
}

int Conversation::socket() const {
  return connection_->socket().fd();
}

void Conversation::content_ready() {
  if (!answers_.is_waiting()) return;
  answers_.resume();
  connection_->proceed();
}

// --- What another server answers

http::ClientFraming Conversation::pass_on(PassedAnswer answer) {
  SH_ASSERT(!answered_);
  http::ClientFraming framing = http::frame_for_client(answer.head, answer.method, minor_version_);
  const bool says_no_length = framing.body == http::BodyKind::Chunked || framing.until_close;
  if (answer.rest == nullptr && says_no_length) {
    framing = {.body = http::BodyKind::Length, .content_length = answer.content.size()};
  }
  const Persistence wanted = framing.until_close ? Persistence::Close : Persistence::Keep;
  passes_on_ = phase_ == Phase::Body;
  const Asked asked = this->asked(decide_persistence(wanted));
  if (!answers_.pass_on(answer, framing, asked)) {
    answer.rest.reset();
    answers_.put_error(502, kHeadTooLong, {}, asked);
  }
  answer_is_put();
  return framing;
}

void Conversation::pass_on_interim(const http::ReceivedHead& head) {
  if (minor_version_ == 0 || answered_) return;
  answers_.pass_on_interim(head);
  connection_->proceed();
}

void Conversation::tunnel(const http::ReceivedHead& head, std::unique_ptr<TunnelEnd> end) {
  SH_ASSERT(!answered_);
  Asked asked = this->asked(http::ConnectionOption::Upgrade);
  asked.extras = nullptr;
  PassedAnswer answer{.head = head};
  if (answers_.pass_on(answer, {}, asked)) {
    tunnel_ = std::move(end);
    phase_ = Phase::Upgrade;
  } else {
    // What it has sent already may be of the other protocol.
    end.reset();
    const auto option = decide_persistence(Persistence::Close);
    answers_.put_error(502, kHeadTooLong, {}, this->asked(option));
  }
  answer_is_put();
}

std::unique_ptr<TunnelEnd> Conversation::take_tunnel() {
  phase_ = Phase::Head;
  job_.reset();
  return std::move(tunnel_);
}

void Conversation::abort() {
  drop_unsent_at_close(connection_->socket().fd());
  connection_->close();
  connection_->proceed();
}

void Conversation::on_ended() {
  if (!awaits_job() || !in_.is_empty() || std::exchange(knows_end_, true)) return;
  job_->on_client_ended();
}

// --- WebSockets

bool Conversation::accept_web_socket(const WebSocketTerms& terms, WebSocketHandler& handler,
                                     void* context) {
  SH_ASSERT(head_ != nullptr && !answered_);
  const websocket::Handshake handshake = websocket::check_handshake(*head_);
  if (!handshake.is_valid()) {
    refuse_web_socket(handshake);
    return false;
  }
  if (!websocket::is_origin_allowed(*head_, terms.origins)) {
    service_.counters.add(Count::WebSocketOriginsRefused);
    answer_error(403, "this origin may not open a WebSocket here", {});
    return false;
  }
  if (service_.phase == ServicePhase::Draining) {
    constexpr std::array kFields = {http::Field{"Retry-After", "1"}};
    must_end_ = true;
    answer_error(503, "this worker is shutting down", kFields);
    return false;
  }
  const websocket::DeflateNegotiation offered = websocket::negotiate_deflate(*head_);
  if (offered.is_malformed) {
    answer_error(400, "Sec-WebSocket-Extensions is malformed", {});
    return false;
  }
  upgrade_ = {.handler = &handler, .context = context};
  std::optional<websocket::DeflateTerms> deflate;
  if (terms.deflate && service_.limits.web_socket.deflate) {
    deflate = offered.terms;
  }
  if (deflate) upgrade_.deflate_window_bits = deflate->server_window_bits;
  put_upgrade(handshake, deflate ? deflate->answer() : "",
              websocket::choose_subprotocol(*head_, terms.subprotocols));
  return true;
}

void Conversation::refuse_web_socket(const websocket::Handshake& handshake) {
  constexpr std::array kAllow = {http::Field{"Allow", "GET"}};
  std::span<const http::Field> fields;
  if (handshake.status == 405) fields = kAllow;
  if (handshake.status == 426) fields = websocket::kUpgradeFields;
  answer_error(handshake.status, handshake.reason, fields);
}

// RFC 6455 section 4.2.2. What the configuration adds to answers is for those that have content.
void Conversation::put_upgrade(const websocket::Handshake& handshake, std::string_view extensions,
                               std::string_view subprotocol) {
  const websocket::Accept accept = websocket::accept_of(handshake.key);
  std::array<http::Field, 4> fields = {
      {{"Upgrade", "websocket"}, {"Sec-WebSocket-Accept", {accept.data(), accept.size()}}}};
  size_t count = 2;
  if (!extensions.empty()) fields[count++] = {"Sec-WebSocket-Extensions", extensions};
  if (!subprotocol.empty()) fields[count++] = {"Sec-WebSocket-Protocol", subprotocol};
  Answer answer{.status = 101, .fields = std::span(fields).first(count)};
  Asked asked = this->asked(http::ConnectionOption::Upgrade);
  asked.extras = nullptr;
  if (!answers_.put(answer, asked)) connection_->close();
  answered_ = true;
  phase_ = Phase::Upgrade;
}

WebSocketUpgrade Conversation::take_upgrade() {
  phase_ = Phase::Head;
  return upgrade_;
}

// Answers what is wrong with the stream itself; the connection ends after it.
void Conversation::refuse_request(int status, std::string_view reason) {
  if (status == 400) service_.counters.add(Count::BadRequests);
  if (status == 413) service_.counters.add(Count::BodyTooLarge);
  if (status == 414) service_.counters.add(Count::TargetTooLong);
  if (status == 431) service_.counters.add(Count::HeadTooLarge);
  const bool was_answered = phase_ == Phase::Body && answered_;
  must_end_ = true;
  last_answer_ = true;
  job_.reset();
  if (phase_ == Phase::Head) log_what_came();
  if (!was_answered) put_error(status, reason, {});
  answered_ = true;
}

void Conversation::refuse(int status, std::string_view reason,
                          std::span<const http::Field> fields) {
  log_what_came();
  in_.clear();
  must_end_ = true;
  put_error(status, reason, fields);
}

void Conversation::log_what_came() {
  answers_.note_request(connection_->socket().fd(), in_.bytes(), began_);
}

void Conversation::flush() {
  switch (answers_.flush(connection_->socket(), received_at_)) {
    case FlushState::Done:
    case FlushState::Waiting:
    case FlushState::Blocked:
      break;
    case FlushState::Broken:
      connection_->close();
  }
  connection_->note_active(answers_.sent_at());
}

// While we did not read, the client could not send.
void Conversation::on_room() {
  answers_.resume();
  if (phase_ == Phase::Body) body_pace_.begin(service_.loop.now());
}

// --- Time

Instant Conversation::deadline() const {
  const Limits& limits = service_.limits;
  if (answers_.is_blocked()) return answers_.pace().deadline(limits);
  if (answers_.is_waiting()) return kNever;
  if (phase_ == Phase::Answer || phase_ == Phase::Upgrade) return kNever;  // the job has its own
  if (phase_ == Phase::Body) {
    return is_body_paused_ ? kNever : body_pace_.deadline(limits.body_timeout, limits.body_rate);
  }
  return began_ + limits.header_timeout;
}

void Conversation::on_timeout(Instant now) {
  if (answers_.is_blocked()) return on_write_timeout(now);
  if (phase_ == Phase::Answer || phase_ == Phase::Upgrade || answers_.is_waiting()) return;
  const bool in_body = phase_ == Phase::Body;
  // Bytes that came in this very moment are progress; of a head they are not.
  if (in_body) connection_->socket().look();
  if (in_body && connection_->receive_more() && now < deadline()) return;
  if (connection_->is_closed()) return;
  if (in_body) return on_body_timeout(now);
  service_.counters.add(Count::HeaderTimeouts);
  refuse_request(408, "the head took too long");
}

void Conversation::on_body_timeout(Instant now) {
  const bool is_slow = body_pace_.was_behind(now, service_.limits.body_timeout);
  service_.counters.add(is_slow ? Count::SlowBodies : Count::BodyTimeouts);
  refuse_request(408, is_slow ? "the body came too slowly" : "the body took too long");
}

// What the socket has taken, and the client not yet, tells a slow client from one that stands
// still: it is looked at only here.
void Conversation::on_write_timeout(Instant now) {
  if (!answers_.pace().is_too_slow(connection_->socket(), now, service_.limits)) return;
  const bool is_slow = answers_.pace().was_behind(now, service_.limits);
  service_.counters.add(is_slow ? Count::SlowReads : Count::WriteTimeouts);
  drop_unsent_at_close(connection_->socket().fd());
  connection_->close();
}

}  // namespace sockherd::worker
