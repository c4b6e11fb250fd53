// Watch: one registration at the sd-event loop, unregistered by its destructor.
//
// The callback is an ordinary function object; sd-event's C callbacks and reference counts stay in
// here. A Watch may be destroyed from inside its own callback.
#pragma once

#include <systemd/sd-event.h>

#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"

namespace sockherd::supervisor {

class Watch {
 public:
  Watch() = default;

  // Calls back whenever `fd` (borrowed) is ready for `events` (EPOLLIN, ...).
  static Result<Watch> on_events(sd_event* loop, int fd, uint32_t events,
                                 std::function<void()> callback);
  static Result<Watch> on_readable(sd_event* loop, int fd, std::function<void()> callback);
  // From now on for these events instead.
  Result<void> want(uint32_t events);

  // Calls back once the child has ended, and reaps it.
  static Result<Watch> on_exit(sd_event* loop, pid_t pid,
                               std::function<void(const siginfo_t&)> callback);

  // Calls back on every arrival of `signal`, which must be blocked in this process.
  static Result<Watch> on_signal(sd_event* loop, int signal, std::function<void()> callback);

  // A timer that is not armed; arm() sets when it fires, once.
  static Result<Watch> timer(sd_event* loop, std::function<void()> callback);
  void arm(Instant at);
  void disarm();

  // Calls nobody back until resume(), which fails where the kernel has no memory for it: then it is
  // to be called again. Not for timers.
  void pause();
  [[nodiscard]] Result<void> resume();

  explicit operator bool() const { return source_ != nullptr; }
  void reset();

 private:
  struct State {
    std::function<void()> callback;
    std::function<void(const siginfo_t&)> exit_callback;
  };
  struct Unref {
    void operator()(sd_event_source* source) const { ::sd_event_source_disable_unref(source); }
  };

  // sd-event holds a pointer to the state, so it stays where it is. Shared with a running callback,
  // which may destroy the Watch.
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::unique_ptr<sd_event_source, Unref> source_;
};

}  // namespace sockherd::supervisor
