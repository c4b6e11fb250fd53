#include "daemon/worker/loop.h"

#include <algorithm>
#include <utility>

namespace sockherd::worker {

Watch::Watch(Watch&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), index_(other.index_), fd_(other.fd_) {}

Watch& Watch::operator=(Watch&& other) noexcept {
  std::swap(loop_, other.loop_);
  std::swap(index_, other.index_);
  std::swap(fd_, other.fd_);
  return *this;
}

void Watch::change(Events events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = loop_->tag_of(index_);
  // Cannot fail for a registered descriptor (no memory is needed).
  SH_ASSERT(::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, fd_, &event) == 0);
}

void Watch::call_again(Events events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = loop_->tag_of(index_);
  loop_->again_.push_back(event);
}

void Watch::end() {
  if (loop_ == nullptr) return;
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  end_by_close();
}

void Watch::end_by_close() {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->forget(index_);
}

Loop::Loop(UniqueFd epoll) : epoll_(std::move(epoll)), now_(monotonic_now()), timers_(now_) {}

Result<std::unique_ptr<Loop>> Loop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno_error("epoll_create1");
  return std::unique_ptr<Loop>(new Loop(std::move(epoll)));
}

Result<Watch> Loop::watch(int fd, Events events, Watcher& watcher) {
  uint32_t index = static_cast<uint32_t>(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  entries_[index].watcher = &watcher;
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(index);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    const Error error = errno_error("epoll_ctl");
    forget(index);
    return error;
  }
  return Watch(this, index, fd);
}

void Loop::forget(uint32_t index) {
  entries_[index].watcher = nullptr;
  ++entries_[index].generation;
  free_.push_back(index);
}

int Loop::wait_ms(Instant at_the_latest) {
  if (!again_.empty()) return 0;
  const Instant until = std::min(timers_.next_wake_up().value_or(at_the_latest), at_the_latest);
  // now_ is from before the work of this turn; that matters where the wait is short.
  if (until - now_ < std::chrono::milliseconds(100)) read_clock();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now_);
  constexpr int64_t kLongest = int64_t{24} * 3600 * 1000;
  return static_cast<int>(std::clamp<int64_t>(wait.count(), 0, kLongest));
}

void Loop::dispatch(uint64_t tag, Events events) {
  const Entry& entry = entries_[static_cast<uint32_t>(tag)];
  if (entry.watcher == nullptr || entry.generation != static_cast<uint32_t>(tag >> 32)) return;
  entry.watcher->on_ready(events);
}

void Loop::turn(Instant at_the_latest) {
  // Fails with EINTR only (a debugger, SIGSTOP): then nothing has come.
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                 wait_ms(at_the_latest));
  read_clock();
  const std::vector<epoll_event> again = std::exchange(again_, {});
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    dispatch(event.data.u64, event.events);
  }
  for (const epoll_event& event : again) dispatch(event.data.u64, event.events);
  timers_.advance(now_);
}

}  // namespace sockherd::worker
