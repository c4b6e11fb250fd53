#include "daemon/supervisor/watch.h"

#include <sys/epoll.h>

namespace sockherd::supervisor {
namespace {

// Copies what it calls: the callback may destroy the Watch that holds it.
template <typename State>
int run(void* userdata) {
  const auto callback = static_cast<State*>(userdata)->callback;
  callback();
  return 0;
}

constexpr uint64_t kAccuracyUsec = 1;  // sd-event's default of 250 ms would delay restarts

}  // namespace

Result<Watch> Watch::on_readable(sd_event* loop, int fd, std::function<void()> callback) {
  return on_events(loop, fd, EPOLLIN, std::move(callback));
}

Result<void> Watch::want(uint32_t events) {
  const int set = ::sd_event_source_set_io_events(source_.get(), events);
  if (set < 0) return errno_error("sd_event_source_set_io_events", -set);
  return {};
}

Result<Watch> Watch::on_events(sd_event* loop, int fd, uint32_t events,
                               std::function<void()> callback) {
  Watch watch;
  watch.state_->callback = std::move(callback);
  sd_event_source* source = nullptr;
  const int added = ::sd_event_add_io(
      loop, &source, fd, events,
      [](sd_event_source*, int, uint32_t, void* userdata) { return run<State>(userdata); },
      watch.state_.get());
  if (added < 0) return errno_error("sd_event_add_io", -added);
  watch.source_.reset(source);
  return watch;
}

Result<Watch> Watch::on_exit(sd_event* loop, pid_t pid,
                             std::function<void(const siginfo_t&)> callback) {
  Watch watch;
  watch.state_->exit_callback = std::move(callback);
  sd_event_source* source = nullptr;
  const int added = ::sd_event_add_child(
      loop, &source, pid, WEXITED,
      [](sd_event_source*, const siginfo_t* info, void* userdata) {
        const auto exit_callback = static_cast<State*>(userdata)->exit_callback;
        exit_callback(*info);
        return 0;
      },
      watch.state_.get());
  if (added < 0) return errno_error("sd_event_add_child", -added);
  watch.source_.reset(source);
  return watch;
}

Result<Watch> Watch::on_signal(sd_event* loop, int signal, std::function<void()> callback) {
  Watch watch;
  watch.state_->callback = std::move(callback);
  sd_event_source* source = nullptr;
  const int added = ::sd_event_add_signal(
      loop, &source, signal,
      [](sd_event_source*, const signalfd_siginfo*, void* userdata) {
        return run<State>(userdata);
      },
      watch.state_.get());
  if (added < 0) return errno_error("sd_event_add_signal", -added);
  watch.source_.reset(source);
  return watch;
}

Result<Watch> Watch::timer(sd_event* loop, std::function<void()> callback) {
  Watch watch;
  watch.state_->callback = std::move(callback);
  sd_event_source* source = nullptr;
  const int added = ::sd_event_add_time(
      loop, &source, CLOCK_MONOTONIC, UINT64_MAX, kAccuracyUsec,
      [](sd_event_source*, uint64_t, void* userdata) { return run<State>(userdata); },
      watch.state_.get());
  if (added < 0) return errno_error("sd_event_add_time", -added);
  watch.source_.reset(source);
  watch.disarm();
  return watch;
}

void Watch::arm(Instant at) {
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(at.since_boot).count();
  ::sd_event_source_set_time(source_.get(), static_cast<uint64_t>(usec) + 1);  // never early
  ::sd_event_source_set_enabled(source_.get(), SD_EVENT_ONESHOT);
}

void Watch::disarm() {
  ::sd_event_source_set_enabled(source_.get(), SD_EVENT_OFF);
}

void Watch::pause() {
  ::sd_event_source_set_enabled(source_.get(), SD_EVENT_OFF);
}

Result<void> Watch::resume() {
  const int resumed = ::sd_event_source_set_enabled(source_.get(), SD_EVENT_ON);
  if (resumed < 0) return errno_error("sd_event_source_set_enabled", -resumed);
  return {};
}

void Watch::reset() {
  source_.reset();
}

}  // namespace sockherd::supervisor
