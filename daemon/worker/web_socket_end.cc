// How a WebSocketConnection ends: by either side, by a fault, in a drain, or because time is up.
#include "daemon/rooms/hub.h"
#include "daemon/websocket/close.h"
#include "daemon/worker/reset.h"
#include "daemon/worker/web_socket_connection.h"

namespace sockherd::worker {
namespace {

using stats::Count;
namespace close_code = websocket::close_code;

// Behind our end: for what is on its way.
constexpr Duration kLinger = std::chrono::seconds(2);

}  // namespace

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
