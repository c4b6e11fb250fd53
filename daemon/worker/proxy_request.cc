#include "daemon/worker/proxy_request.h"

#include <array>
#include <utility>

#include "daemon/worker/proxy.h"
#include "daemon/worker/service.h"
#include "daemon/worker/tunnel.h"

namespace sockherd::worker {
namespace {

using stats::Count;

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

}  // namespace

ProxyRequest::ProxyRequest(Proxy& proxy)
    : proxy_(proxy),
      request_(proxy.service().buffers),
      answer_(proxy.service().buffers),
      place_(proxy.upstreams(), *this) {}

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
  body_ended_ = is_paused_ = is_broken_ = is_read_waiting_ = false;
  place_.begin(is_idempotent_);
  forget_connection();
  phase_ = Phase::Gathering;
  has_job_ = true;
  return std::unique_ptr<Job>(&job_end_);
}

void ProxyRequest::refuse_head(const http::ForwardedHead& written, http::Method method,
                               Exchange& exchange) {
  constexpr std::array kRetry = {http::Field{"Retry-After", "1"}};
  switch (written.outcome) {
    case http::ForwardedHead::Outcome::Written:
      return exchange.answer_error(503, "this worker is shutting down", kRetry);
    case http::ForwardedHead::Outcome::NoRoom:
      return exchange.answer_error(
          431, "with the fields that the proxy adds, the request head is too long", {});
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
  if (phase_ == Phase::Gathering) return seek();
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
    place_.let_go();
    phase_ = Phase::Over;
  }
  if (!has_job_) recycle();
  if (has_freed) upstreams.serve_queue();
}

void ProxyRequest::recycle() {
  ++life_;
  const bool was_under_way =
      phase_ == Phase::Seeking || phase_ == Phase::Asking || phase_ == Phase::Answering;
  if (was_under_way) proxy_.service().counters.add(Count::ProxyAbandoned);
  phase_ = Phase::Free;
  cancel();
  const bool has_freed = place_.leave();
  request_.clear();
  answer_.clear();
  exchange_ = nullptr;
  Upstreams& upstreams = proxy_.upstreams();
  proxy_.take_back(*this);
  if (has_freed) upstreams.serve_queue();
}

// --- Asking

void ProxyRequest::seek() {
  phase_ = Phase::Seeking;
  place_.seek();
}

void ProxyRequest::forget_connection() {
  has_sent_ = cannot_send_ = may_read_ = peer_closed_ = false;
  answer_.begin();
}

void ProxyRequest::on_connected() {
  phase_ = Phase::Asking;
  progress_at_ = proxy_.upstreams().loop().now();
  place_.connection().set_deadline(progress_at_ + proxy_.upstreams().settings().request_timeout);
  send_request();
  if (cannot_send_) read_head();
}

void ProxyRequest::send_request() {
  while (!request_.is_sent() && !cannot_send_) {
    const io::Outcome sent = place_.connection().socket().send(request_.unsent());
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

void ProxyRequest::on_upstream(io::Events events) {
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
  const io::Outcome got = place_.connection().socket().receive(room);
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
    const std::span<char> room = answer_.room();
    if (room.empty()) return fail(ProxyFailure::BadAnswer);
    const io::Outcome got = receive(room);
    if (got.state == io::State::Blocked) return;
    if (got.state != io::State::Done) {
      return fail(answer_.has_begun() ? ProxyFailure::Broken : ProxyFailure::Closed);
    }
    answer_.commit(got.bytes);
    if (!has_sent_) return fail(ProxyFailure::BadAnswer);  // to nothing that we have asked
    if (!take_heads()) return;
  }
}

// Returns whether more is needed, and this still asks.
bool ProxyRequest::take_heads() {
  http::ReceivedHead& head = proxy_.head();
  const http::AskedFor asked{.method = method_, .upgrade = is_upgrade_};
  const uint32_t life = life_;
  while (life_ == life) {
    switch (answer_.take_head(proxy_.response_limits(), asked, head)) {
      case ProxyAnswer::Head::Incomplete:
        return true;
      case ProxyAnswer::Head::Bad:
        fail(ProxyFailure::BadAnswer);
        return false;
      case ProxyAnswer::Head::Switch:
        become_tunnel();
        return false;
      case ProxyAnswer::Head::Final:
        begin_answer();
        return false;
      case ProxyAnswer::Head::Interim:
        progress_at_ = proxy_.upstreams().loop().now();
        if (head.status != 100) exchange_->pass_on_interim(head);  // 100 we say ourselves
        break;
    }
  }
  return false;
}

// Short answers, which are most, are in hand as a whole: then the connection is free before the
// client has its answer.
void ProxyRequest::begin_answer() {
  const http::ReceivedHead& head = proxy_.head();
  Upstreams& upstreams = proxy_.upstreams();
  place_.note_success();
  if (!answer_.begin_content(head, wants_trailers_)) return fail(ProxyFailure::BadAnswer);
  if (!take_end()) return fail(ProxyFailure::Broken);
  if (answer_.is_complete() && !answer_.has_trailers()) {
    end_exchange();
    const uint32_t life = life_;
    exchange_->pass_on({.head = head, .method = method_, .content = answer_.pending()});
    if (life_ == life) answer_.clear();  // its body still comes
    return upstreams.serve_queue();
  }
  phase_ = Phase::Answering;
  has_source_ = true;
  exchange_->pass_on(
      {.head = head, .method = method_, .rest = std::unique_ptr<Source>(&source_end_)});
}

// Where the connection has ended already: nothing has been said to the client yet, so an answer
// that has broken off can still be 502. False: it has.
bool ProxyRequest::take_end() {
  while (peer_closed_ && may_read_ && !answer_.is_complete() && answer_.has_room()) {
    const io::Outcome got = receive(answer_.room());
    if (got.state == io::State::Blocked) return true;
    if (got.state == io::State::Failed) return false;
    if (got.state == io::State::Ended) return answer_.end();
    if (!answer_.add(got.bytes)) return false;
  }
  return true;
}

void ProxyRequest::become_tunnel() {
  place_.note_success();
  phase_ = Phase::Over;
  ProxyPlace::Taken taken = place_.take();
  exchange_->tunnel(proxy_.head(),
                    std::make_unique<ProxyTunnel>(proxy_.upstreams(), taken.target,
                                                  std::move(taken.connection), answer_.unread()));
}

// --- Answering

Source::Piece ProxyRequest::read(std::span<char> room) {
  if (is_broken_) return {0, Source::State::Failed};
  size_t made = answer_.take_pending(room);
  if (answer_.has_pending()) return {made, Source::State::More};
  while (!answer_.is_complete() && may_read_ && made == 0) {
    if (has_had_its_turn()) {
      place_.connection().socket().call_again(io::event::kReadable);
      return {made, Source::State::Waiting};
    }
    if (!receive_content(room.subspan(made), made)) {
      proxy_.service().counters.add(Count::ProxyBroken);
      place_.note_failure();
      break_off();
      return {made, Source::State::Failed};
    }
  }
  if (answer_.is_complete()) {
    Upstreams& upstreams = proxy_.upstreams();
    answer_.finish_trailers();
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
      if (!answer_.decode(room.first(got.bytes), content)) return false;
      made += content;
      return true;
    case io::State::Ended:
      return answer_.end();
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

// --- The end of it

// Both sides agree that the answer is over, and nothing stands behind it.
bool ProxyRequest::is_reusable() {
  if (!answer_.keeps_alive() || !body_ended_ || !request_.is_sent() || cannot_send_) return false;
  if (!may_read_) return true;
  std::array<char, 1> byte;
  return place_.connection().socket().receive(byte).state == io::State::Blocked;
}

void ProxyRequest::end_exchange() {
  if (is_reusable()) place_.keep();
  place_.let_go();
  phase_ = Phase::Over;
  if (is_paused_) call_soon();
}

// The answer has begun: the client sees its connection break.
void ProxyRequest::break_off() {
  is_broken_ = true;
  place_.let_go();
  phase_ = Phase::Over;
}

void ProxyRequest::on_upstream_due(Instant now) {
  Upstreams& upstreams = proxy_.upstreams();
  const Duration patience = upstreams.settings().request_timeout;
  if (!owes_us()) progress_at_ = now;
  if (now < progress_at_ + patience) {
    return place_.connection().set_deadline(progress_at_ + patience);
  }
  if (phase_ == Phase::Asking) return fail(ProxyFailure::TimedOut);
  proxy_.service().counters.add(Count::ProxyBroken);
  place_.note_failure();
  break_off();
  exchange_->content_ready();
  upstreams.serve_queue();
}

// It is who stands behind us that takes long, and not the client.
bool ProxyRequest::owes_us() const {
  if (phase_ == Phase::Asking) return body_ended_ || !request_.is_sent();
  return is_read_waiting_ && !may_read_;  // what is there and not read yet is the client's matter
}

bool ProxyRequest::may_retry(ProxyFailure why) const {
  return why == ProxyFailure::Closed && request_.is_whole() && place_.was_kept() &&
         (is_idempotent_ || !has_sent_);
}

// A kept connection that was closed just when it was used is nobody's fault.
void ProxyRequest::fail(ProxyFailure why) {
  Upstreams& upstreams = proxy_.upstreams();
  const bool may_retry = this->may_retry(why);
  if (why != ProxyFailure::Closed || !place_.was_kept()) place_.note_failure();
  place_.let_go();
  answer_.clear();
  if (may_retry) {
    request_.rewind();
    forget_connection();
    phase_ = Phase::Seeking;
    return place_.seek_afresh();
  }
  refuse(why);
  upstreams.serve_queue();
}

void ProxyRequest::refuse(ProxyFailure why) {
  constexpr std::array kRetry = {http::Field{"Retry-After", "1"}};
  const ProxyRefusal refusal = refusal_of(why);
  proxy_.service().counters.add(refusal.count);
  phase_ = Phase::Over;
  std::span<const http::Field> fields;
  if (refusal.status == 503) fields = kRetry;
  exchange_->answer_error(refusal.status, refusal.reason, fields);
}

}  // namespace sockherd::worker
