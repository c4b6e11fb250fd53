// Acceptor: takes connections from one listening socket.
//
// The listener is borrowed in spirit: the supervisor and other workers hold the same open file, so
// it is never shut down, and taken out of the loop before our number is closed. Registered
// level-triggered: what the budget of one wake-up leaves in the queue is reported again. Out of
// descriptors, it gives up a spare one to accept and refuse a connection, so that the loop does not
// spin; out of memory, it pauses.
#pragma once

#include <memory>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/worker/loop.h"
#include "daemon/worker/service.h"
#include "daemon/worker/timer_wheel.h"

namespace sockherd::worker {

class Acceptor final : private Watcher, private Timer {
 public:
  // listener: a listening socket, TCP or AF_UNIX.
  static Result<std::unique_ptr<Acceptor>> create(Service& service, UniqueFd listener);

  // Accepts what waits in the queue now, then lets go of the listener. What does not fit stays in
  // the queue, for whoever holds the socket next.
  void finish();

 private:
  enum class Outcome : uint8_t { Accepted, Empty, Paused };

  Acceptor(Service& service, UniqueFd listener, Events events, unsigned budget);
  void on_ready(Events events) override;
  void on_due(Instant now) override;
  Outcome accept_one();
  Outcome accept_with_spare();
  Outcome pause();
  void take(UniqueFd fd);
  Result<void> resume();

  Service& service_;
  UniqueFd listener_;
  UniqueFd spare_;
  Watch watch_;
  Events events_;
  unsigned budget_;  // connections accepted in one wake-up
};

}  // namespace sockherd::worker
