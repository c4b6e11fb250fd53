#include "daemon/worker/proxy_request.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/http/forward.h"
#include "daemon/http/trailers.h"
#include "daemon/worker/proxy.h"
#include "daemon/worker/service.h"
#include "daemon/worker/tunnel.h"

namespace sockherd::worker {
namespace {

using stats::Count;

// Places that are asked one behind the other where they cannot be reached.
constexpr uint32_t kMostTries = 4;

// A client that has ended its direction is taken for gone if it has no answer after this. Those
// that only say that they send no more get theirs, where it does not take long.
constexpr Duration kGrace = std::chrono::seconds(1);

// RFC 9110 section 9.2.2.
bool is_idempotent(http::Method method) {
  switch (method) {
    case http::Method::Get:
    case http::Method::Head:
    case http::Method::Options:
    case http::Method::Trace:
    case http::Method::Put:
    case http::Method::Delete:
      return true;
    default:
      return false;
  }
}

// Of connect(2) and what comes before it: who should answer has not been asked, or (EAGAIN, on a
// Unix socket) is only busy.
bool is_our_lack(int error) {
  constexpr std::array kLacks = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EADDRNOTAVAIL, EAGAIN};
  return std::find(kLacks.begin(), kLacks.end(), error) != kLacks.end();
}

}  // namespace

ProxyRequest::ProxyRequest(Proxy& proxy)
    : proxy_(proxy), request_(proxy.service().buffers), in_(proxy.service().buffers) {}

ProxyRequest::~ProxyRequest() = default;

// --- The client's side

std::unique_ptr<Job> ProxyRequest::begin(const Request& request, Exchange& exchange) {
  const http::RequestHead& head = request.head;
  Service& service = proxy_.service();
  service.counters.add(Count::ProxyRequests);
  exchange_ = &exchange;
  const http::ForwardedHead written = http::write_upstream_head(
      head, proxy_.terms(), service.clients.of(exchange.socket()),
      {proxy_.upstreams().random(), proxy_.upstreams().random()}, request_.head_room());
  is_upgrade_ = http::is_tunnel(head);
  const bool is_too_late = is_upgrade_ && service.phase == ServicePhase::Draining;
  if (written.outcome != http::ForwardedHead::Outcome::Written || is_too_late) {
    recycle();
    refuse_head(written, head.method, exchange);
    return nullptr;
  }
  request_.commit_head(written.bytes);
  method_ = head.method;
  body_kind_ = head.body;
  is_idempotent_ = is_idempotent(head.method);
  wants_trailers_ = written.takes_trailers;
  give_up_at_ = Instant{Duration::max()};
  pending_ = 0;
  has_ended_ = cannot_send_ = was_kept_ = false;
  body_ended_ = is_paused_ = must_be_fresh_ = is_broken_ = is_read_waiting_ = false;
  failed_ = nullptr;
  tries_ = 0;
  refused_at_ = Instant{};
  phase_ = Phase::Gathering;
  has_job_ = true;
  return std::unique_ptr<Job>(&job_end_);
}

void ProxyRequest::refuse_head(const http::ForwardedHead& written, http::Method method,
                               Exchange& exchange) {
  constexpr std::array kRetry = {http::Field{"Retry-After", "1"}};
  switch (written.outcome) {
    case http::ForwardedHead::Outcome::Written:
      return exchange.answer_error(503, "this worker is about to end", kRetry);
    case http::ForwardedHead::Outcome::NoRoom:
      return exchange.answer_error(431, "with what is added the head is too long", {});
    case http::ForwardedHead::Outcome::Refused:
      return exchange.answer_error(written.status, written.reason, {});
    case http::ForwardedHead::Outcome::LastHop:
      return exchange.answer({.status = method == http::Method::Options ? 204 : 501});
  }
}

// Nothing of the body is wanted any more.
bool ProxyRequest::drops_body() const {
  return phase_ == Phase::Over || cannot_send_ || is_broken_;
}

void ProxyRequest::on_body(std::string_view piece) {
  if (drops_body()) return;
  request_.put(piece, body_kind_);
  if (!request_.is_full()) return;
  const uint32_t life = life_;
  push();
  if (life_ != life || drops_body() || request_.is_sent() || !request_.is_full()) return;
  is_paused_ = true;
  exchange_->pause_body();
}

// Where places are counted, a client that is slow does not get one before its content is there, or
// fills a buffer: else one of them could keep a program of one thread to itself.
void ProxyRequest::on_body_gap() {
  if (drops_body()) return;
  const bool gathers = proxy_.upstreams().settings().max_in_flight != 0;
  if (phase_ != Phase::Gathering || !gathers) push();
}

void ProxyRequest::on_body_end() {
  body_ended_ = true;
  if (drops_body()) return;
  request_.put_end(body_kind_);
  push();
}

void ProxyRequest::push() {
  if (phase_ == Phase::Gathering) return seek_place();
  if (phase_ == Phase::Asking || phase_ == Phase::Answering) send_request();
  if (phase_ == Phase::Asking && cannot_send_) read_head();
}

void ProxyRequest::resume_client() {
  if (!is_paused_ || !has_job_ || !(request_.is_sent() || drops_body())) return;
  is_paused_ = false;
  exchange_->resume_body();
}

void ProxyRequest::on_client_ended() {
  give_up_at_ = proxy_.service().loop.now() + kGrace;
  if (!is_armed()) proxy_.service().loop.timers().arm(*this, give_up_at_);
}

void ProxyRequest::on_due(Instant now) {
  const bool is_answered = phase_ == Phase::Answering || phase_ == Phase::Over;
  if (!is_answered && now >= give_up_at_) return exchange_->abort();
  // The timer is one for both: what was to be done soon comes first.
  if (!is_answered && give_up_at_ != Instant{Duration::max()}) {
    proxy_.service().loop.timers().arm(*this, give_up_at_);
  }
  if (is_broken_ && has_source_) return exchange_->content_ready();
  resume_client();
}

void ProxyRequest::call_soon() {
  proxy_.service().loop.timers().arm(*this, proxy_.service().loop.now());
}

void ProxyRequest::on_job_gone() {
  has_job_ = false;
  if (!has_source_) return recycle();
  if (body_ended_ || phase_ == Phase::Over) return;
  break_off();  // the request has broken off in the middle
  call_soon();
  proxy_.upstreams().serve_queue();
}

void ProxyRequest::on_source_gone() {
  has_source_ = false;
  Upstreams& upstreams = proxy_.upstreams();
  const bool has_freed = phase_ == Phase::Answering;
  if (has_freed) {
    proxy_.service().counters.add(Count::ProxyAbandoned);
    let_go();
    phase_ = Phase::Over;
  }
  if (!has_job_) recycle();
  if (has_freed) upstreams.serve_queue();
}

void ProxyRequest::recycle() {
  ++life_;
  const bool was_under_way = phase_ == Phase::Waiting || phase_ == Phase::Connecting ||
                             phase_ == Phase::Asking || phase_ == Phase::Answering;
  if (was_under_way) proxy_.service().counters.add(Count::ProxyAbandoned);
  phase_ = Phase::Free;
  cancel();
  proxy_.upstreams().queue().leave(*this);
  const bool has_freed = target_ != nullptr;
  let_go();
  request_.clear();
  in_.clear();
  exchange_ = nullptr;
  Upstreams& upstreams = proxy_.upstreams();
  proxy_.take_back(*this);
  if (has_freed) upstreams.serve_queue();
}

// --- Getting a place, and a connection

void ProxyRequest::seek_place() {
  UpstreamTarget* target = proxy_.upstreams().claim(failed_);
  if (target == nullptr) return wait_for_place();
  start_at(*target);
}

void ProxyRequest::wait_for_place() {
  phase_ = Phase::Waiting;
  if (proxy_.upstreams().queue().join(*this)) return;
  proxy_.service().counters.add(Count::ProxyQueueFull);
  refuse(503, "too many requests wait already");
}

void ProxyRequest::on_place(UpstreamTarget& target) {
  start_at(target);
}

void ProxyRequest::on_queue_timeout() {
  refuse(503, "nobody was free in time");
}

// A kept connection that has ended, or says something, is of no use. Requests that may not be sent
// twice look first; the others find out, and are sent again. What comes in the moment in which they
// leave is taken for their answer, which no look could prevent.
bool ProxyRequest::is_fit(UpstreamConnection& kept) const {
  if (is_idempotent_) return true;
  std::array<char, 1> byte;
  kept.socket().look();
  return kept.socket().receive(byte).state == io::State::Blocked;
}

void ProxyRequest::start_at(UpstreamTarget& target) {
  Upstreams& upstreams = proxy_.upstreams();
  target_ = &target;
  ++tries_;
  phase_ = Phase::Connecting;
  has_sent_ = cannot_send_ = may_read_ = peer_closed_ = false;
  interims_ = 0;
  scanned_ = 0;
  for (;;) {
    const auto kind = must_be_fresh_ ? Upstreams::Kind::Fresh : Upstreams::Kind::Any;
    Upstreams::Connected connected = upstreams.connect(target, kind, *this);
    if (connected.connection == nullptr) return fail_to_connect(connected.error);
    if (connected.was_kept && !is_fit(*connected.connection)) continue;
    connection_ = std::move(connected.connection);
    was_kept_ = connected.was_kept;
    break;
  }
  if (connection_->is_up()) return ask();
  connection_->set_deadline(upstreams.loop().now() + upstreams.settings().connect_timeout);
}

void ProxyRequest::on_upstream_connected(UpstreamConnection& /*connection*/) {
  const uint32_t life = life_;
  ask();
  if (life_ == life) resume_client();
}

void ProxyRequest::on_upstream_refused(UpstreamConnection& /*connection*/, int error) {
  fail_to_connect(error);
}

// --- Asking

void ProxyRequest::ask() {
  phase_ = Phase::Asking;
  progress_at_ = proxy_.upstreams().loop().now();
  connection_->set_deadline(progress_at_ + proxy_.upstreams().settings().request_timeout);
  send_request();
  if (cannot_send_) read_head();
}

void ProxyRequest::send_request() {
  while (!request_.is_sent() && !cannot_send_) {
    const io::Outcome sent = connection_->socket().send(request_.unsent());
    if (sent.bytes > 0) {
      request_.note_sent(sent.bytes);
      has_sent_ = true;
      progress_at_ = proxy_.upstreams().loop().now();
      proxy_.service().counters.add(Count::UpstreamBytesSent, sent.bytes);
    }
    if (sent.state == io::State::Blocked) return;
    // What was said before the connection broke is still to be read: an answer that did not wait
    // for the end of the request.
    if (sent.state != io::State::Done) cannot_send_ = may_read_ = peer_closed_ = true;
  }
  // No event may follow: a place can come from the queue, and a kept connection takes all at once.
  if (is_paused_) call_soon();
}

void ProxyRequest::on_upstream(UpstreamConnection& /*connection*/, io::Events events) {
  constexpr io::Events kEnd = io::event::kPeerClosed | io::event::kBroken;
  if ((events & kEnd) != 0) peer_closed_ = true;
  if ((events & (kEnd | io::event::kReadable)) != 0) may_read_ = true;
  const uint32_t life = life_;
  send_request();
  if (phase_ == Phase::Asking) {
    read_head();
  } else if (has_source_) {
    exchange_->content_ready();
  }
  if (life_ == life) resume_client();
}

io::Outcome ProxyRequest::receive(std::span<char> room) {
  const io::Outcome got = connection_->socket().receive(room);
  // See Connection::read_into().
  may_read_ = got.bytes == room.size() || (got.bytes > 0 && peer_closed_);
  if (got.bytes > 0) {
    // A head that comes byte by byte is none yet.
    const bool is_awaited = phase_ == Phase::Asking && body_ended_ && request_.is_sent();
    if (!is_awaited) progress_at_ = proxy_.upstreams().loop().now();
    proxy_.service().counters.add(Count::UpstreamBytesReceived, got.bytes);
  }
  return got;
}

void ProxyRequest::read_head() {
  while (may_read_) {
    if (in_.room_bytes() == 0) in_.compact();
    const std::span<char> room = in_.room();
    if (room.empty()) return fail(Failure::BadAnswer);
    const io::Outcome got = receive(room);
    if (got.state == io::State::Blocked) return;
    if (got.state != io::State::Done) {
      return fail(in_.is_empty() && interims_ == 0 ? Failure::Closed : Failure::Broken);
    }
    in_.commit(got.bytes);
    if (!has_sent_) return fail(Failure::BadAnswer);  // to nothing that we have asked
    if (!parse_head()) return;
  }
}

// Returns whether more is needed, and this still asks.
bool ProxyRequest::parse_head() {
  http::ReceivedHead& head = proxy_.head();
  for (;;) {
    const http::ParseResult parsed =
        http::parse_response_head(in_.bytes(), proxy_.response_limits(),
                                  {.method = method_, .upgrade = is_upgrade_}, head, scanned_);
    if (parsed.state == http::ParseState::Incomplete) return true;
    if (parsed.state == http::ParseState::Refused) {
      fail(Failure::BadAnswer);
      return false;
    }
    in_.consume(parsed.consumed);
    scanned_ = 0;
    if (head.status == 101) {
      become_tunnel();
      return false;
    }
    if (!head.is_interim()) {
      begin_answer();
      return false;
    }
    if (++interims_ > http::kMostInterimResponses) {
      fail(Failure::BadAnswer);
      return false;
    }
    progress_at_ = proxy_.upstreams().loop().now();
    const uint32_t life = life_;
    if (head.status != 100) exchange_->pass_on_interim(head);  // 100 we say ourselves
    if (life_ != life) return false;
  }
}

// --- Answering

// Takes the content out of `bytes`, to their front. False: they are none.
bool ProxyRequest::decode(std::span<char> bytes, size_t& content) {
  std::string_view rest(bytes.data(), bytes.size());
  content = 0;
  while (!content_.is_complete()) {
    const http::BodyReader::Step step = content_.read(rest);
    if (step.state == http::ParseState::Refused) return false;
    if (!step.data.empty() && step.data.data() != bytes.data() + content) {
      std::memmove(bytes.data() + content, step.data.data(), step.data.size());
    }
    content += step.data.size();
    if (wants_trailers_) trailer_lines_ += step.trailers;
    rest.remove_prefix(step.consumed);
    if (step.consumed == 0) break;
  }
  if (!rest.empty()) keeps_alive_ = false;  // nobody has asked for that
  return true;
}

// Where the connection has ended already: nothing has been said to the client yet, so an answer
// that has broken off can still be 502. False: it has.
bool ProxyRequest::take_end(size_t& content) {
  while (peer_closed_ && may_read_ && !content_.is_complete() && in_.room_bytes() > 0) {
    const std::span<char> room = in_.room();
    const io::Outcome got = receive(room);
    if (got.state == io::State::Blocked) return true;
    if (got.state != io::State::Done) {
      has_ended_ = got.state == io::State::Ended && framing_ == http::Framing::UntilClose;
      return has_ended_;
    }
    in_.commit(got.bytes);
    size_t more = 0;
    if (!decode(room.first(got.bytes), more)) return false;
    std::memmove(in_.content().data() + content, room.data(), more);
    content += more;
  }
  return true;
}

// Short answers, which are most, are in hand as a whole: then the connection is free before the
// client has its answer.
void ProxyRequest::begin_answer() {
  const http::ReceivedHead& head = proxy_.head();
  Upstreams& upstreams = proxy_.upstreams();
  upstreams.note_success(*target_);
  content_ = http::body_of(head);
  framing_ = head.framing;
  keeps_alive_ = head.keep_alive;
  trailer_lines_.clear();
  trailers_.clear();
  has_ended_ = false;
  size_t content = 0;
  if (!decode(in_.content(), content)) return fail(Failure::BadAnswer);
  if (!take_end(content)) return fail(Failure::Broken);
  const std::string_view bytes = in_.bytes().substr(0, content);
  if ((content_.is_complete() || has_ended_) && trailer_lines_.empty()) {
    end_exchange();
    const uint32_t life = life_;
    exchange_->pass_on({.head = head, .method = method_, .content = bytes});
    if (life_ == life) in_.clear();  // its body still comes
    return upstreams.serve_queue();
  }
  phase_ = Phase::Answering;
  pending_ = content;
  has_source_ = true;
  exchange_->pass_on(
      {.head = head, .method = method_, .rest = std::unique_ptr<Source>(&source_end_)});
}

// What was read together with the head.
size_t ProxyRequest::take_pending(std::span<char> room) {
  const size_t count = std::min(pending_, room.size());
  if (count > 0) std::memcpy(room.data(), in_.bytes().data(), count);
  in_.consume(count);
  pending_ -= count;
  if (pending_ == 0) in_.clear();
  return count;
}

Source::Piece ProxyRequest::read(std::span<char> room) {
  if (is_broken_) return {0, Source::State::Failed};
  size_t made = take_pending(room);
  if (pending_ > 0) return {made, Source::State::More};
  while (!content_.is_complete() && !has_ended_ && may_read_ && made == 0) {
    if (has_had_its_turn()) {
      connection_->socket().call_again(io::event::kReadable);
      return {made, Source::State::Waiting};
    }
    if (!receive_content(room.subspan(made), made)) {
      proxy_.service().counters.add(Count::ProxyBroken);
      proxy_.upstreams().note_failure(*target_);
      break_off();
      return {made, Source::State::Failed};
    }
  }
  if (content_.is_complete() || has_ended_) {
    Upstreams& upstreams = proxy_.upstreams();
    finish_trailers();
    end_exchange();
    upstreams.serve_queue();
    return {made, Source::State::Ended};
  }
  if (may_read_) return {made, made > 0 ? Source::State::More : Source::State::Waiting};
  if (!is_read_waiting_) progress_at_ = proxy_.upstreams().loop().now();
  is_read_waiting_ = true;
  return {made, Source::State::Waiting};
}

// Adds what it puts into the room to `made`. False: it has broken off, or makes no sense.
bool ProxyRequest::receive_content(std::span<char> room, size_t& made) {
  const io::Outcome got = receive(room);
  size_t content = 0;
  switch (got.state) {
    case io::State::Blocked:
      return true;
    case io::State::Done:
      is_read_waiting_ = false;
      turn_bytes_ += got.bytes;
      if (!decode(room.first(got.bytes), content)) return false;
      made += content;
      return true;
    case io::State::Ended:
      has_ended_ = framing_ == http::Framing::UntilClose;
      return has_ended_;
    case io::State::Failed:
      return false;
  }
  return false;
}

// Where who answers and who reads are both fast, others have their turn, too.
bool ProxyRequest::has_had_its_turn() {
  constexpr size_t kMostInTurn = size_t{256} * 1024;
  const Instant now = proxy_.upstreams().loop().now();
  if (turn_at_ != now) {
    turn_at_ = now;
    turn_bytes_ = 0;
  }
  return turn_bytes_ >= kMostInTurn;
}

void ProxyRequest::finish_trailers() {
  if (trailer_lines_.empty()) return;
  trailers_.resize(http::RequestHead::kMaxFields);
  const auto parsed = http::parse_trailers(trailer_lines_, trailers_);
  trailers_.resize(parsed ? parsed->size() : 0);
}

void ProxyRequest::become_tunnel() {
  Upstreams& upstreams = proxy_.upstreams();
  upstreams.note_success(*target_);
  phase_ = Phase::Over;
  auto end = std::make_unique<ProxyTunnel>(upstreams, *std::exchange(target_, nullptr),
                                           std::move(connection_), in_.bytes());
  exchange_->tunnel(proxy_.head(), std::move(end));
}

// --- The end of it

void ProxyRequest::let_go() {
  connection_.reset();
  if (target_ == nullptr) return;
  proxy_.upstreams().release(*std::exchange(target_, nullptr));
}

// Both sides agree that the answer is over, and nothing stands behind it.
bool ProxyRequest::is_reusable() {
  if (!keeps_alive_ || !body_ended_ || !request_.is_sent() || cannot_send_) return false;
  if (!may_read_) return true;
  std::array<char, 1> byte;
  return connection_->socket().receive(byte).state == io::State::Blocked;
}

void ProxyRequest::end_exchange() {
  if (is_reusable()) proxy_.upstreams().keep(*target_, std::move(connection_));
  let_go();
  phase_ = Phase::Over;
  if (is_paused_) call_soon();
}

// The answer has begun: the client sees its connection break.
void ProxyRequest::break_off() {
  is_broken_ = true;
  let_go();
  phase_ = Phase::Over;
}

void ProxyRequest::on_upstream_due(UpstreamConnection& connection, Instant now) {
  if (phase_ == Phase::Connecting) return fail_to_connect(ETIMEDOUT);
  const Duration patience = proxy_.upstreams().settings().request_timeout;
  if (!owes_us()) progress_at_ = now;
  if (now < progress_at_ + patience) return connection.set_deadline(progress_at_ + patience);
  if (phase_ == Phase::Asking) return fail(Failure::TimedOut);
  Upstreams& upstreams = proxy_.upstreams();
  proxy_.service().counters.add(Count::ProxyBroken);
  upstreams.note_failure(*target_);
  break_off();
  exchange_->content_ready();
  upstreams.serve_queue();
}

// It is who stands behind us that takes long, and not the client.
bool ProxyRequest::owes_us() const {
  if (phase_ == Phase::Asking) return body_ended_ || !request_.is_sent();
  return is_read_waiting_ && !may_read_;  // what is there and not read yet is the client's matter
}

bool ProxyRequest::is_unsent(Failure why) {
  return why == Failure::NoConnection || why == Failure::NoMeans;
}

bool ProxyRequest::may_retry(Failure why) const {
  if (!request_.is_whole()) return false;
  if (is_unsent(why)) return true;
  return why == Failure::Closed && was_kept_ && !must_be_fresh_ && (is_idempotent_ || !has_sent_);
}

void ProxyRequest::fail_to_connect(int error) {
  error_ = error;
  fail(is_our_lack(error) ? Failure::NoMeans : Failure::NoConnection);
}

// A kept connection that was closed just when it was used is nobody's fault.
void ProxyRequest::fail(Failure why) {
  Upstreams& upstreams = proxy_.upstreams();
  UpstreamTarget& target = *target_;
  const bool may_retry = this->may_retry(why);
  const bool is_fault = why != Failure::NoMeans && (why != Failure::Closed || !was_kept_);
  if (is_fault && &target != failed_) upstreams.note_failure(target);
  if (is_unsent(why)) upstreams.counters().add(Count::UpstreamConnectFailures);
  let_go();
  in_.clear();
  if (may_retry && is_unsent(why)) return try_another(why, target);
  if (may_retry) {
    upstreams.counters().add(Count::UpstreamRetries);
    must_be_fresh_ = true;
    request_.rewind();
    was_kept_ = false;
    return seek_place();
  }
  answer_failure(why, target);
  upstreams.serve_queue();
}

// Nothing was sent. Where there is nobody else, a program that is just starting anew may be back in
// a moment.
void ProxyRequest::try_another(Failure why, UpstreamTarget& refused) {
  Upstreams& upstreams = proxy_.upstreams();
  failed_ = &refused;
  UpstreamTarget* other = tries_ < kMostTries ? upstreams.claim(failed_) : nullptr;
  if (other != nullptr && other != failed_) {
    upstreams.counters().add(Count::UpstreamRetries);
    return start_at(*other);
  }
  if (other != nullptr) upstreams.release(*other);
  const Instant now = upstreams.loop().now();
  if (refused_at_ == Instant{}) refused_at_ = now;
  const bool is_early = now < refused_at_ + upstreams.settings().connect_timeout;
  const bool are_others_busy = other == nullptr && tries_ < kMostTries;
  if (are_others_busy || (is_early && upstreams.is_worth_waiting_for(refused))) {
    upstreams.counters().add(Count::UpstreamRetries);
    return wait_for_place();
  }
  answer_failure(why, refused);
  upstreams.serve_queue();
}

void ProxyRequest::answer_failure(Failure why, const UpstreamTarget& target) {
  if (is_unsent(why)) proxy_.upstreams().note_unreachable(target, error_);
  switch (why) {
    case Failure::NoMeans:
      return refuse(503, "no connection to who should answer can be made now");
    case Failure::NoConnection:
      return refuse(502, "who should answer cannot be reached");
    case Failure::Closed:
    case Failure::Broken:
      return refuse(502, "who should answer has broken off");
    case Failure::BadAnswer:
      return refuse(502, "what was answered makes no sense");
    case Failure::TimedOut:
      return refuse(504, "who should answer takes too long");
  }
}

void ProxyRequest::refuse(int status, std::string_view reason) {
  constexpr std::array kRetry = {http::Field{"Retry-After", "1"}};
  stats::Counters& counters = proxy_.service().counters;
  counters.add(status == 503   ? Count::ProxyUnavailable
               : status == 504 ? Count::ProxyTimeouts
                               : Count::ProxyBadGateways);
  phase_ = Phase::Over;
  std::span<const http::Field> fields;
  if (status == 503) fields = kRetry;
  exchange_->answer_error(status, reason, fields);
}

}  // namespace sockherd::worker
