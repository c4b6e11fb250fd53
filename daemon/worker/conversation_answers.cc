// What handlers say to a Conversation: answers of ours, and of those behind the proxy.
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/worker/connection.h"
#include "daemon/worker/conversation.h"
#include "daemon/worker/reset.h"

namespace sockherd::worker {
namespace {

constexpr std::string_view kHeadTooLong = "the head of the answer is too long";

}  // namespace

// --- Ours

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

}  // namespace sockherd::worker
