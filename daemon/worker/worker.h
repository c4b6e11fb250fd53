// Worker: the engine put together: lanes, signals, control socket; serving, then draining.
//
// A worker has one thread or several, each with a lane (lane.h). The main thread turns the first
// one; it has the signals and the control socket as well, and tells the others (crew.h).
//
// Serving ends with SIGTERM, or when the control socket hangs up. Then the worker takes what waits
// in its queues, lets go of all its listeners, gives its idle connections to other workers where
// the supervisor takes them, answers what is in flight and what its clients have sent already, and
// ends when no connection is left or drain_timeout is over. A second SIGTERM, or SIGINT, ends it at
// once. SIGUSR1 opens the access log anew.
//
// While it is healthy, each of its loops turns at least every quarter of hang_timeout: by that the
// supervisor tells an idle worker from one that hangs.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/worker/access_writer.h"
#include "daemon/worker/control.h"
#include "daemon/worker/crew.h"
#include "daemon/worker/lane.h"
#include "daemon/worker/launch.h"

namespace sockherd::worker {

class Worker final : private io::Watcher {
 public:
  // Blocks SIGTERM, SIGINT and SIGUSR1 for this process, and ignores SIGPIPE.
  // Errors: a descriptor that is no listening socket, a directory that cannot be opened; their code
  // is the exit status.
  // modules: outlives the worker.
  static Result<std::unique_ptr<Worker>> create(Launch launch, Modules& modules);

  ~Worker();

  // Says READY=1, serves with all threads, and drains. Returns when the process may end: whether
  // all was done by then, and not cut off.
  bool run();

 private:
  Worker(Launch& launch, AccessWriterHandle access_writer, UniqueFd signals);
  void on_ready(io::Events events) override;
  void on_signal(uint32_t number);
  void on_terminate();
  void on_hang_up();
  void start_drain();
  bool is_empty() const;
  bool is_done() const;
  Instant next_turn_at() const;

  Duration drain_timeout_;
  CounterPage access_log_statistics_;  // the writer's
  AccessWriterHandle access_writer_;   // null: off. Writes to the end what the lanes have logged
  std::unique_ptr<Lane> lane_;         // of the main thread
  UniqueFd signals_;
  io::Watch signal_watch_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<Crew> crew_;           // the other threads, if any
  Instant give_up_at_{Duration::max()};  // of the drain
  bool is_told_to_end_ = false;          // by SIGTERM
  bool ends_now_ = false;
};

}  // namespace sockherd::worker
