#include "daemon/io/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace sockherd::io {
namespace {

constexpr int64_t kTickNs = 1'000'000;

uint64_t tick_at_or_before(Instant at) {
  return static_cast<uint64_t>(std::max<int64_t>(at.since_boot.count(), 0) / kTickNs);
}

uint64_t tick_at_or_after(Instant at) {
  return static_cast<uint64_t>((std::max<int64_t>(at.since_boot.count(), 0) + kTickNs - 1) /
                               kTickNs);
}

}  // namespace

namespace detail {

void TimerNode::unlink() {
  previous->next = next;
  next->previous = previous;
  next = previous = this;
}

void TimerNode::append(TimerNode& node) {
  node.previous = previous;
  node.next = this;
  previous->next = &node;
  previous = &node;
}

}  // namespace detail

Timer::~Timer() {
  cancel();
}

void Timer::cancel() {
  if (!is_linked()) return;
  detail::TimerNode& neighbour = *next;
  unlink();
  if (!neighbour.is_linked()) wheel_->forget_if_empty(neighbour);
}

bool Timer::fires_by(Instant due) const {
  return tick_ <= tick_at_or_after(due);
}

TimerWheel::TimerWheel(Instant now) : current_(tick_at_or_before(now)) {}

void TimerWheel::arm(Timer& timer, Instant due) {
  timer.cancel();
  timer.wheel_ = this;
  timer.tick_ = std::max(tick_at_or_after(due), current_ + 1);
  insert(timer);
}

// Requires: timer.tick_ >= current_.
void TimerWheel::insert(Timer& timer) {
  // What is beyond the span waits in the last slot of the top level and is then placed anew.
  const uint64_t tick = std::min(timer.tick_, current_ + kSpan - 1);
  const uint64_t wait = tick - current_;
  const unsigned width = static_cast<unsigned>(std::bit_width(wait));
  const unsigned level = width == 0 ? 0 : (width - 1) / kBits;
  const uint64_t slot = (tick >> (kBits * level)) % kSlots;
  heads_[level * kSlots + slot].append(timer);
  occupied_[level] |= uint64_t{1} << slot;
}

// `head` may also be the list of what fires right now, which has no bit.
void TimerWheel::forget_if_empty(const detail::TimerNode& head) {
  const std::less<const detail::TimerNode*> before;
  if (before(&head, heads_.data()) || !before(&head, heads_.data() + heads_.size())) return;
  const auto index = static_cast<uint64_t>(&head - heads_.data());
  occupied_[index / kSlots] &= ~(uint64_t{1} << (index % kSlots));
}

// The first tick after current_ at which a slot must be fired or cascaded.
std::optional<uint64_t> TimerWheel::next_tick() const {
  std::optional<uint64_t> first;
  for (unsigned level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const uint64_t block = current_ >> (kBits * level);
    const int after = static_cast<int>((block + 1) % kSlots);
    const auto steps = static_cast<uint64_t>(std::countr_zero(std::rotr(occupied_[level], after)));
    const uint64_t tick = (block + 1 + steps) << (kBits * level);
    first = first ? std::min(*first, tick) : tick;
  }
  return first;
}

std::optional<Instant> TimerWheel::next_wake_up() const {
  const std::optional<uint64_t> tick = next_tick();
  if (!tick) return std::nullopt;
  return Instant{Duration(static_cast<int64_t>(*tick) * kTickNs)};
}

void TimerWheel::advance(Instant now) {
  const uint64_t target = tick_at_or_before(now);
  while (current_ < target) {
    const std::optional<uint64_t> tick = next_tick();
    if (!tick || *tick > target) {
      current_ = target;
      return;
    }
    current_ = *tick;
    for (unsigned level = kLevels - 1; level > 0; --level) cascade(level, *tick);
    fire(*tick, now);
  }
}

// Moves the timers of the slot that begins at `tick`, if one does, to where they belong now.
void TimerWheel::cascade(unsigned level, uint64_t tick) {
  const unsigned shift = kBits * level;
  if (tick % (uint64_t{1} << shift) != 0) return;
  const uint64_t slot = (tick >> shift) % kSlots;
  occupied_[level] &= ~(uint64_t{1} << slot);
  detail::TimerNode& head = heads_[level * kSlots + slot];
  detail::TimerNode moving;
  while (head.is_linked()) {
    detail::TimerNode& node = *head.next;
    node.unlink();
    moving.append(node);
  }
  while (moving.is_linked()) {
    auto& timer = static_cast<Timer&>(*moving.next);
    timer.unlink();
    insert(timer);
  }
}

void TimerWheel::fire(uint64_t tick, Instant now) {
  const uint64_t slot = tick % kSlots;
  occupied_[0] &= ~(uint64_t{1} << slot);
  detail::TimerNode& head = heads_[slot];
  detail::TimerNode firing;  // on_due may arm timers for 64 ticks later, which is this slot
  while (head.is_linked()) {
    detail::TimerNode& node = *head.next;
    node.unlink();
    firing.append(node);
  }
  while (firing.is_linked()) {
    auto& timer = static_cast<Timer&>(*firing.next);
    timer.unlink();
    timer.on_due(now);
  }
}

}  // namespace sockherd::io
