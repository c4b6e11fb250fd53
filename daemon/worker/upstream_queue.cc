#include "daemon/worker/upstream_queue.h"

#include <sys/eventfd.h>

#include <utility>

namespace sockherd::worker {
namespace {

using stats::Count;

// How often a lane that waits looks by itself.
constexpr Duration kLook = std::chrono::milliseconds(10);

// By so much a lane may be ahead of another one: a place that is taken where it became free is not
// idle until another lane wakes up.
constexpr Duration kHandicap = std::chrono::milliseconds(5);

}  // namespace

UpstreamQueue::UpstreamQueue(io::Loop& loop, stats::Counters& counters, UpstreamChoice& choice,
                             const UpstreamSettings& settings, UniqueFd bell)
    : loop_(loop),
      counters_(counters),
      choice_(choice),
      settings_(settings),
      bell_(std::move(bell)) {}

UpstreamQueue::~UpstreamQueue() = default;

bool UpstreamQueue::join(UpstreamWaiter& waiter) {
  if (choice_.file().waiting() >= settings_.queue_depth) return false;
  waiter.since_ = loop_.now();
  waiter.previous_ = last_;
  waiter.next_ = &waiter;  // the last one's next is itself
  (last_ == nullptr ? first_ : last_->next_) = &waiter;
  last_ = &waiter;
  ++size_;
  publish();
  counters_.add(Count::ProxyQueued);
  if (!is_armed()) loop_.timers().arm(*this, loop_.now() + kLook);
  if (!bell_watch_ && bell_) {
    // Told once for each ring, and not read: so one lane does not take it from another.
    auto watch = loop_.watch(bell_.get(), io::event::kReadable | io::event::kEdge, *this);
    if (watch.ok()) bell_watch_ = std::move(watch).value();
  }
  return true;
}

void UpstreamQueue::leave(UpstreamWaiter& waiter) {
  if (!waiter.is_waiting()) return;
  UpstreamWaiter* const behind = waiter.next_ == &waiter ? nullptr : waiter.next_;
  UpstreamWaiter* const before = waiter.previous_;
  if (behind == nullptr) {
    last_ = before;
    if (before != nullptr) before->next_ = before;
  } else {
    behind->previous_ = before;
    if (before != nullptr) before->next_ = behind;
  }
  if (before == nullptr) first_ = behind;
  waiter.next_ = waiter.previous_ = nullptr;
  --size_;
  publish();
  counters_.add(Count::ProxyDequeued);
  const Duration waited = loop_.now() - waiter.since_;
  counters_.add(
      Count::ProxyQueueMicroseconds,
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
  if (size_ > 0) return;
  cancel();
  bell_watch_.end();
}

void UpstreamQueue::publish() {
  contract::UpstreamLane& lane = choice_.file().lane(choice_.lane());
  lane.waiting.store(static_cast<uint32_t>(size_), std::memory_order_relaxed);
  lane.oldest.store(first_ == nullptr ? 0 : first_->since_.since_boot.count(),
                    std::memory_order_relaxed);
}

void UpstreamQueue::ring() const {
  if (bell_) ::eventfd_write(bell_.get(), 1);
}

// A lane whose requests should long have been given up does not wait: it is not well.
bool UpstreamQueue::others_are_first(Instant now) const {
  const int64_t oldest = (first_->since_.since_boot - kHandicap).count();
  const int64_t given_up = (now.since_boot - settings_.queue_timeout).count();
  return choice_.file().waits_since_before(oldest, given_up, choice_.lane());
}

void UpstreamQueue::serve() {
  if (size_ == 0) {
    if (settings_.max_in_flight != 0 && choice_.file().waiting() > 0) ring();
    return;
  }
  serve(Turn::InOrder, loop_.now());
}

// Not more than wait now: one that fails at once may be back in the queue.
void UpstreamQueue::serve(Turn turn, Instant now) {
  if (std::exchange(is_serving_, true)) return;
  for (size_t left = size_; left > 0 && size_ > 0; --left) {
    if (turn != Turn::Now && others_are_first(now)) {
      if (turn == Turn::InOrder) ring();
      break;
    }
    UpstreamTarget* target = choice_.claim(now, nullptr);
    if (target == nullptr) break;
    UpstreamWaiter& waiter = *first_;
    leave(waiter);
    waiter.on_place(*target);
  }
  is_serving_ = false;
}

void UpstreamQueue::expire(Instant now) {
  while (size_ > 0 && first_->since_ + settings_.queue_timeout <= now) {
    UpstreamWaiter& waiter = *first_;
    leave(waiter);
    counters_.add(Count::ProxyQueueTimeouts);
    waiter.on_queue_timeout();
  }
}

void UpstreamQueue::on_due(Instant now) {
  expire(now);
  serve(Turn::Now, now);
  if (size_ > 0 && !is_armed()) loop_.timers().arm(*this, now + kLook);
}

// The others have heard it, too. To ring again for who comes before this lane would wake all lanes,
// and each of those that are not the first would ring once more, without an end.
void UpstreamQueue::on_ready(io::Events /*events*/) {
  serve(Turn::Heard, loop_.now());
}

}  // namespace sockherd::worker
