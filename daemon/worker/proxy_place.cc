#include "daemon/worker/proxy_place.h"

#include <array>
#include <cerrno>
#include <utility>

namespace sockherd::worker {
namespace {

using stats::Count;

// Places that are asked one behind the other where they cannot be reached.
constexpr uint32_t kMostTries = 4;

}  // namespace

void ProxyPlace::begin(bool may_repeat) {
  may_repeat_ = may_repeat;
  must_be_fresh_ = was_kept_ = false;
  failed_ = nullptr;
  tries_ = 0;
  refused_at_ = Instant{};
}

void ProxyPlace::seek() {
  UpstreamTarget* target = upstreams_.claim(failed_);
  if (target == nullptr) return wait();
  start_at(*target);
}

void ProxyPlace::seek_afresh() {
  Upstreams& upstreams = upstreams_;
  upstreams.counters().add(Count::UpstreamRetries);
  must_be_fresh_ = true;
  was_kept_ = false;
  seek();
  upstreams.serve_queue();  // what was let go of is for whoever has waited longer
}

void ProxyPlace::wait() {
  if (upstreams_.queue().join(*this)) return;
  upstreams_.counters().add(Count::ProxyQueueFull);
  user_.on_no_place(ProxyFailure::QueueFull);
}

// A kept connection that has ended, or says something, is of no use. Requests that may not be sent
// twice look first; the others find out, and are sent again. What comes in the moment in which they
// leave is taken for their answer, which no look could prevent.
bool ProxyPlace::is_fit(UpstreamConnection& kept) const {
  if (may_repeat_) return true;
  std::array<char, 1> byte;
  kept.socket().look();
  return kept.socket().receive(byte).state == io::State::Blocked;
}

void ProxyPlace::start_at(UpstreamTarget& target) {
  target_ = &target;
  ++tries_;
  for (;;) {
    const auto kind = must_be_fresh_ ? Upstreams::Kind::Fresh : Upstreams::Kind::Any;
    Upstreams::Connected connected = upstreams_.connect(target, kind, *this);
    if (connected.connection == nullptr) return refused(connected.error);
    if (connected.was_kept && !is_fit(*connected.connection)) continue;
    connection_ = std::move(connected.connection);
    was_kept_ = connected.was_kept;
    break;
  }
  if (connection_->is_up()) return user_.on_connected();
  connection_->set_deadline(upstreams_.loop().now() + upstreams_.settings().connect_timeout);
}

void ProxyPlace::on_upstream_connected(UpstreamConnection& /*connection*/) {
  user_.on_connected();
}

void ProxyPlace::on_upstream_refused(UpstreamConnection& /*connection*/, int error) {
  refused(error);
}

void ProxyPlace::on_upstream(UpstreamConnection& /*connection*/, io::Events events) {
  user_.on_upstream(events);
}

void ProxyPlace::on_upstream_due(UpstreamConnection& connection, Instant now) {
  if (!connection.is_up()) return refused(ETIMEDOUT);
  user_.on_upstream_due(now);
}

void ProxyPlace::note_failure() {
  if (target_ != failed_) upstreams_.note_failure(*target_);
}

void ProxyPlace::refused(int error) {
  Upstreams& upstreams = upstreams_;
  UpstreamTarget& target = *target_;
  const ProxyFailure why = failure_of(error);
  if (why == ProxyFailure::NoConnection) note_failure();
  upstreams.counters().add(Count::UpstreamConnectFailures);
  let_go();
  if (seek_another(target)) return;
  upstreams.note_unreachable(target, error);
  user_.on_no_place(why);
  upstreams.serve_queue();
}

// Returns whether there is hope; what comes of it may have been said already.
bool ProxyPlace::seek_another(UpstreamTarget& refused) {
  failed_ = &refused;
  UpstreamTarget* other = tries_ < kMostTries ? upstreams_.claim(failed_) : nullptr;
  if (other != nullptr && other != failed_) {
    upstreams_.counters().add(Count::UpstreamRetries);
    start_at(*other);
    return true;
  }
  if (other != nullptr) upstreams_.release(*other);
  const Instant now = upstreams_.loop().now();
  if (refused_at_ == Instant{}) refused_at_ = now;
  const bool is_early = now < refused_at_ + upstreams_.settings().connect_timeout;
  const bool are_others_busy = other == nullptr && tries_ < kMostTries;
  if (!are_others_busy && !(is_early && upstreams_.is_worth_waiting_for(refused))) return false;
  upstreams_.counters().add(Count::UpstreamRetries);
  wait();
  return true;
}

void ProxyPlace::let_go() {
  connection_.reset();
  if (target_ == nullptr) return;
  upstreams_.release(*std::exchange(target_, nullptr));
}

bool ProxyPlace::leave() {
  upstreams_.queue().leave(*this);
  const bool has_freed = target_ != nullptr;
  let_go();
  return has_freed;
}

ProxyPlace::Taken ProxyPlace::take() {
  return {*std::exchange(target_, nullptr), std::move(connection_)};
}

}  // namespace sockherd::worker
