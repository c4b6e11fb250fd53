// Worker: the engine put together: loop, routes, listeners, signals; serving, then draining.
//
// Serving ends with SIGTERM, or when the control socket hangs up. Then the worker takes what waits
// in its queues, lets go of all its listeners, gives its idle connections to other workers where
// the supervisor takes them, answers what is in flight and what its clients have sent already, and
// ends when no connection is left or drain_timeout is over. A second SIGTERM, or SIGINT, ends it at
// once.
//
// While it is healthy, its loop turns at least every quarter of hang_timeout: by that the
// supervisor tells an idle worker from one that hangs.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/worker/acceptors.h"
#include "daemon/worker/control.h"
#include "daemon/worker/launch.h"
#include "daemon/worker/loop.h"
#include "daemon/worker/router.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Worker final : private Watcher {
 public:
  // Blocks SIGTERM and SIGINT for this process, and ignores SIGPIPE.
  // Errors: a descriptor that is no listening socket, a directory that cannot be opened; their code
  // is the exit status.
  static Result<std::unique_ptr<Worker>> create(Launch launch);

  ~Worker();

  // Says READY=1, serves and drains. Returns when the process may end.
  void run();

 private:
  Worker(Launch launch, std::unique_ptr<Loop> loop, Router router, UniqueFd signals,
         const Limits& limits);
  void on_ready(Events events) override;
  void on_terminate();
  void on_hang_up();
  void start_drain();
  bool is_done() const;
  Instant next_turn_at() const;

  CounterPage statistics_;
  Duration drain_timeout_;
  Duration heartbeat_;  // the longest that the loop sleeps; 0: as long as it likes
  std::unique_ptr<Loop> loop_;
  Router router_;
  UniqueFd signals_;
  Watch signal_watch_;
  Service service_;
  Acceptors acceptors_;
  std::unique_ptr<Control> control_;
  Instant give_up_at_{Duration::max()};  // of the drain
  bool is_told_to_end_ = false;          // by SIGTERM
  bool ends_now_ = false;
};

}  // namespace sockherd::worker
