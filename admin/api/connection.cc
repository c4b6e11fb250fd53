#include "admin/api/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <ctime>
#include <utility>

#include "admin/api/problem.h"
#include "daemon/http/date.h"

namespace sockherd::api {
namespace {

using http::BodyKind;
using http::ConnectionOption;
using http::ParseState;

constexpr size_t kReadBytes = size_t{16} * 1024;
// A client that keeps us busy gets the loop back only after everybody else had a turn.
constexpr int kStepsAtOnce = 64;

// Fields that every answer has: nothing here is for a cache, and no type is to be guessed.
constexpr http::Field kCommonFields[] = {{"Cache-Control", "no-store"},
                                         {"X-Content-Type-Options", "nosniff"}};

// The head of `answer` as bytes, or "" if one of its fields cannot be sent.
std::string head_bytes(const Answer& answer, ConnectionOption connection) {
  const auto date = http::format_date(::time(nullptr));
  std::vector<http::Field> fields(std::begin(kCommonFields), std::end(kCommonFields));
  for (const HeaderField& field : answer.fields) fields.push_back({field.name, field.value});
  const http::ResponseHead head{.status = answer.status,
                                .date = {date.data(), date.size()},
                                .content_type = answer.content_type,
                                .body = answer.status == 204 ? BodyKind::None : BodyKind::Length,
                                .content_length = answer.body.size(),
                                .connection = connection,
                                .fields = fields};
  std::array<char, 4096> buffer{};
  const http::HeadWritten written = http::write_response_head(head, buffer);
  if (written.outcome != http::WriteOutcome::Written) return {};
  return {buffer.data(), written.bytes};
}

}  // namespace

Connection::Connection(sd_event* loop, uint64_t id, UniqueFd socket, Peer peer,
                       const Limits& limits, const ConnectionHooks& hooks)
    : loop_(loop),
      id_(id),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      limits_(limits),
      hooks_(hooks) {}

Result<std::unique_ptr<Connection>> Connection::create(sd_event* loop, uint64_t id, UniqueFd socket,
                                                       Peer peer, const Limits& limits,
                                                       const ConnectionHooks& hooks) {
  std::unique_ptr<Connection> connection(
      new Connection(loop, id, std::move(socket), std::move(peer), limits, hooks));
  Connection* self = connection.get();
  self->io_ = TRY(watch_io(loop, self->socket_.get(), EPOLLIN, on_io, self));
  self->timer_ = TRY(watch_time(loop, on_deadline, self));
  self->set_deadline(limits.request_timeout);
  return connection;
}

int Connection::on_io(sd_event_source*, int, uint32_t events, void* data) {
  auto* self = static_cast<Connection*>(data);
  // Both directions are shut, or the peer sent RST: nobody will read the answer.
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && self->phase_ == Phase::Working)
    self->enter(Phase::Closed);
  self->advance();
  return 0;
}

int Connection::on_deadline(sd_event_source*, uint64_t, void* data) {
  auto* self = static_cast<Connection*>(data);
  self->expire();
  self->advance();
  return 0;
}

void Connection::expire() {
  const bool is_half_sent = phase_ == Phase::Body || (phase_ == Phase::Head && !in_.empty());
  if (is_half_sent) {
    refuse(408, "The request did not arrive in time.");
  } else {
    enter(Phase::Closed);
  }
}

// Runs until there is nothing to do without waiting. The answer to a request may come while this
// runs (respond() inside of handle()), so it is not entered twice.
void Connection::advance() {
  if (advancing_) return;
  advancing_ = true;
  int steps = 0;
  while (phase_ != Phase::Closed && step() == Step::Again) {
    if (++steps < kStepsAtOnce) continue;
    watch_events(EPOLLIN | EPOLLOUT);  // writable: calls us again in the next turn of the loop
    break;
  }
  advancing_ = false;
  if (phase_ == Phase::Closed) hooks_.closed(id_);  // destroys *this
}

Connection::Step Connection::step() {
  switch (phase_) {
    case Phase::Idle:
    case Phase::Head:
      return step_head();
    case Phase::Body:
      return step_body();
    case Phase::Working:
      watch_events(0);
      return Step::Wait;
    case Phase::Writing:
      return step_writing();
    case Phase::Lingering:
      return step_lingering();
    case Phase::Closed:
      break;
  }
  return Step::Wait;
}

Connection::Step Connection::read_more() {
  std::array<char, kReadBytes> bytes;
  const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (count > 0) {
    if (phase_ == Phase::Idle) enter(Phase::Head);
    in_.append(bytes.data(), static_cast<size_t>(count));
    return Step::Again;
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    watch_events(EPOLLIN);
    return Step::Wait;
  }
  enter(Phase::Closed);
  return Step::Wait;
}

Connection::Step Connection::step_head() {
  if (in_.empty()) return read_more();
  http::RequestHead head;
  const http::ParseResult parsed = http::parse_request_head(in_, limits_.head, head, scanned_);
  switch (parsed.state) {
    case ParseState::Incomplete:
      return read_more();
    case ParseState::Refused:
      method_ = head.method;
      refuse(parsed.status, parsed.reason);
      return Step::Again;
    case ParseState::Complete:
      break;
  }
  const Step next = start_request(head);  // copies what `head` points to
  in_.erase(0, parsed.consumed);
  scanned_ = 0;
  return next;
}

Connection::Step Connection::start_request(const http::RequestHead& head) {
  request_ = make_request(head, peer_);
  method_ = head.method;
  connection_option_ = http::connection_option(head);
  close_after_answer_ = !head.keep_alive;
  if (auto refused = hooks_.screen(request_)) {
    close_after_answer_ = close_after_answer_ || head.body != BodyKind::None;  // it stays unread
    write(*std::move(refused));
    return Step::Again;
  }
  body_ = http::BodyReader(head.body, head.content_length, limits_.max_body_bytes);
  enter(Phase::Body);
  return head.expect_continue && head.body != BodyKind::None ? continue_to_body() : Step::Again;
}

// Best effort: the send buffer of a client that has read everything so far is not full.
Connection::Step Connection::continue_to_body() {
  const std::string_view text = http::kContinue;
  const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(text.size())) enter(Phase::Closed);
  return Step::Again;
}

Connection::Step Connection::step_body() {
  while (true) {
    const http::BodyReader::Step piece = body_.read(in_);
    request_.body += piece.data;
    in_.erase(0, piece.consumed);
    if (piece.state == ParseState::Complete) return hand_over();
    if (piece.state == ParseState::Refused) {
      refuse(piece.status, piece.reason);
      return Step::Again;
    }
    if (piece.consumed == 0) return read_more();
  }
}

Connection::Step Connection::hand_over() {
  enter(Phase::Working);
  hooks_.handle(id_, std::exchange(request_, {}));
  return Step::Again;
}

void Connection::respond(Answer answer) {
  if (phase_ != Phase::Working) return;
  write(std::move(answer));
  advance();
}

void Connection::turn_away(Answer answer) {
  close_after_answer_ = true;
  write(std::move(answer));
  advance();
}

void Connection::refuse(int status, std::string_view why) {
  close_after_answer_ = true;  // nobody knows where the next request begins
  write(hooks_.refuse(status, why));
}

void Connection::write(Answer answer) {
  close_after_answer_ = close_after_answer_ || draining_;
  if (close_after_answer_) connection_option_ = ConnectionOption::Close;
  out_ = head_bytes(answer, connection_option_);
  if (out_.empty()) {
    answer = {.status = 500, .content_type = "", .body = "", .fields = {}};
    out_ = head_bytes(answer, connection_option_);
  }
  if (method_ != http::Method::Head && answer.status != 204) out_ += answer.body;
  written_ = 0;
  hooks_.answered(answer.status);
  enter(Phase::Writing);
}

Connection::Step Connection::step_writing() {
  const ssize_t sent =
      ::send(socket_.get(), out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
    watch_events(EPOLLOUT);
    return Step::Wait;
  }
  if (sent < 0) {
    enter(Phase::Closed);
    return Step::Wait;
  }
  written_ += static_cast<size_t>(sent);
  if (written_ < out_.size()) return Step::Again;
  out_ = {};
  if (close_after_answer_ || draining_) {
    ::shutdown(socket_.get(), SHUT_WR);
    enter(Phase::Lingering);
  } else {
    enter(in_.empty() ? Phase::Idle : Phase::Head);
  }
  return Step::Again;
}

Connection::Step Connection::step_lingering() {
  in_.clear();
  return read_more();
}

void Connection::drain() {
  draining_ = true;
  if (is_idle() || (phase_ == Phase::Head && in_.empty())) enter(Phase::Closed);
  advance();
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  switch (phase) {
    case Phase::Idle:
      return set_deadline(limits_.idle_timeout);
    case Phase::Head:
      return set_deadline(limits_.request_timeout);
    case Phase::Body:
      return;  // the request's deadline runs on
    case Phase::Working:
      return set_deadline(std::nullopt);
    case Phase::Writing:
      return set_deadline(limits_.write_timeout);
    case Phase::Lingering:
      return set_deadline(limits_.linger_timeout);
    case Phase::Closed:
      return set_deadline(std::nullopt);
  }
}

void Connection::set_deadline(std::optional<std::chrono::milliseconds> wait) {
  if (!wait) {
    sd_event_source_set_enabled(timer_.get(), SD_EVENT_OFF);
    return;
  }
  const auto wait_us = std::chrono::duration_cast<std::chrono::microseconds>(*wait);
  sd_event_source_set_time_relative(timer_.get(), static_cast<uint64_t>(wait_us.count()));
  sd_event_source_set_enabled(timer_.get(), SD_EVENT_ONESHOT);
}

void Connection::watch_events(uint32_t events) {
  sd_event_source_set_io_events(io_.get(), events);
}

}  // namespace sockherd::api
