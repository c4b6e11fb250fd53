// Hands: carries the fleet's actions out on the kernel, and posts what comes of them as events.
//
// Decides nothing. An action never fails towards its caller: a worker that can not be started is
// posted as WorkerExited, like one that died.
#pragma once

#include <systemd/sd-event.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/fleet/action.h"
#include "daemon/fleet/state.h"
#include "daemon/supervisor/generation.h"
#include "daemon/supervisor/listeners.h"
#include "daemon/supervisor/quiet_watch.h"
#include "daemon/supervisor/statistics.h"
#include "daemon/supervisor/worker_process.h"

namespace sockherd::supervisor {

// What all workers are started with.
struct WorkerSetup {
  std::string program;            // of built-in pools
  std::string runtime_directory;  // for notify sockets
  std::vector<config::Override> overrides;
  std::vector<std::string> environment;  // our own, without what is only for us
  unsigned long nofile_soft = 0;         // what foreign programs get back
};

class Hands {
 public:
  // post: takes an event to the fleet; called from the loop and from carry_out, so it must queue.
  Hands(sd_event* loop, WorkerSetup setup, std::function<void(fleet::Event)> post)
      : loop_(loop), setup_(std::move(setup)), post_(std::move(post)) {}

  void carry_out(const fleet::Spawn& action);
  void carry_out(const fleet::Drain& action);
  void carry_out(const fleet::Kill& action);
  void carry_out(const fleet::Serve& action);
  void carry_out(const fleet::AwaitQuiet& action);

  // Sockets for `count` slots of a pool, before the fleet is told to use them.
  Result<void> prepare_slots(const config::Config& config, const config::Pool& pool,
                             uint32_t count);

  // Generations, by number. `current` is what Serve and AwaitQuiet go by.
  void add_generation(Generation generation);
  void set_current(uint32_t number) { current_ = number; }
  const Generation& current() const { return generations_.at(current_); }
  // Frees generations, and the sockets of their listeners, that neither `current` nor a worker
  // needs.
  void forget_unused(const std::map<fleet::WorkerId, fleet::Worker>& workers);

  const WorkerProcess* process(fleet::WorkerId id) const;
  Listeners& listeners() { return listeners_; }
  const Listeners& listeners() const { return listeners_; }
  const Statistics& statistics() const { return statistics_; }

 private:
  struct Running {
    std::string pool;
    uint32_t seat = 0;
    std::unique_ptr<WorkerProcess> process;
  };
  // Slots that were steered away from together, and are quiet together: the kernel is asked once
  // for all of them (0.5 ms each time on a machine with 24 GB).
  struct Leaving {
    std::string pool;
    uint64_t steer = 0;  // which one took them away
    std::vector<uint32_t> slots;
    QuietWatch watch;
  };
  Result<Running> start(const fleet::Spawn& action);
  Result<sys::SpawnRequest> request_for(const fleet::Spawn& action, uint32_t seat);
  std::vector<uint16_t> ports_of(const std::string& pool) const;
  void on_quiet(uint64_t number);
  void on_notification(fleet::WorkerId id, const sys::Notification& said);
  void on_exit(fleet::WorkerExited exited);

  sd_event* loop_;
  WorkerSetup setup_;
  std::function<void(fleet::Event)> post_;
  Listeners listeners_;
  Statistics statistics_;
  std::map<uint32_t, Generation> generations_;
  uint32_t current_ = 0;
  std::map<fleet::WorkerId, Running> running_;
  uint64_t steers_ = 0;  // Serve actions so far
  uint64_t next_watch_ = 0;
  std::map<uint64_t, Leaving> quiet_;
};

}  // namespace sockherd::supervisor
