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

// --- The end

void Conversation::on_ended() {
  if (!awaits_job() || !in_.is_empty() || std::exchange(knows_end_, true)) return;
  job_->on_client_ended();
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
