#include "daemon/io/loop.h"

#include <algorithm>
#include <utility>

#include "daemon/io/epoll_loop.h"
#include "daemon/io/uring_loop.h"

namespace sockherd::io {

Watch::Watch(Watch&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), index_(other.index_), fd_(other.fd_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  std::swap(loop_, other.loop_);
  std::swap(index_, other.index_);
  std::swap(fd_, other.fd_);
  return *this;
}

void Watch::call_again(Events events) {
  loop_->dispatch_later(loop_->tag_of(index_), events);
}

void Watch::end() {
  if (loop_ == nullptr) return;
  loop_->end_watch(index_, fd_);
  std::exchange(loop_, nullptr)->leave_place(index_);
}

Loop::Loop() : now_(monotonic_now()), timers_(now_) {}

Result<std::unique_ptr<Loop>> Loop::create(Engine engine) {
  switch (engine) {
    case Engine::IoUring:
      return UringLoop::create();
    case Engine::Epoll:
      break;
  }
  return EpollLoop::create();
}

Result<Watch> Loop::watch(int fd, Events events, Watcher& watcher) {
  const uint32_t index = take_place(&watcher);
  const Result<void> begun = begin_watch(index, fd, events);
  if (!begun.ok()) {
    leave_place(index);
    return begun.error();
  }
  return Watch(this, index, fd);
}

uint32_t Loop::take_place(Watcher* watcher) {
  auto index = static_cast<uint32_t>(waiting_.size());
  if (free_.empty()) {
    waiting_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  waiting_[index].watcher = watcher;
  waiting_[index].state = 0;
  return index;
}

void Loop::leave_place(uint32_t index) {
  waiting_[index].watcher = nullptr;
  ++waiting_[index].generation;
  free_.push_back(index);
}

Duration Loop::longest_wait(Instant at_the_latest) {
  if (!again_.empty()) return Duration::zero();
  const Instant until = std::min(timers_.next_wake_up().value_or(at_the_latest), at_the_latest);
  // now_ is from before the work of this turn; that matters where the wait is short.
  if (until - now_ < std::chrono::milliseconds(100)) read_clock();
  constexpr Duration kLongest = std::chrono::hours(24);
  return std::clamp<Duration>(until - now_, Duration::zero(), kLongest);
}

// What follows has the time at which it ended.
void Loop::wait(Duration longest) {
  if (!spin_.is_on() || longest == Duration::zero()) {
    await(longest);
    read_clock();
    return;
  }
  const Instant began = read_clock();
  const Duration looks = std::min(spin_.begin(began), longest);
  bool has_come = false;
  while (!has_come && now_ - began < looks) {
    has_come = await(Duration::zero());
    read_clock();
  }
  const Duration looked = now_ - began;
  if (!has_come) {
    has_come = await(std::max(longest - looked, Duration::zero()));
    read_clock();
  }
  spin_.end(now_, looked, has_come ? Spin::Outcome::Something : Spin::Outcome::Nothing);
}

void Loop::dispatch(uint64_t tag, Events events) {
  Watcher* watcher = waiting_[static_cast<uint32_t>(tag)].watcher;
  if (watcher != nullptr && is_current(tag)) watcher->on_ready(events);
}

void Loop::turn(Instant at_the_latest) {
  wait(longest_wait(at_the_latest));
  now_again_.swap(again_);
  dispatch_all();
  for (const Ready& ready : now_again_) dispatch(ready.tag, ready.events);
  now_again_.clear();
  timers_.advance(now_);
}

}  // namespace sockherd::io
