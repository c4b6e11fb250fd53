// Fleet: the decisions. on(Event, now) → Actions; pure, so every policy is a table of events.
//
// Invariants, held by tests/unit/daemon/fleet after every event of random sequences:
//   - a slot never has two workers that are both ready and not draining;
//   - a ready worker is told to drain only after its successor is ready, or after its slot was
//   steered
//     away from and is quiet, or at Stop;
//   - a served slot has a ready worker;
//   - a failed reload leaves every ready worker as it was;
//   - every worker that is not ready has a deadline.
// It asks for one timer: next_deadline(). The hands are daemon/supervisor.
#pragma once

#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "daemon/fleet/action.h"
#include "daemon/fleet/event.h"
#include "daemon/fleet/state.h"

namespace sockherd::fleet {

// Why a request can not be taken; None = it can.
enum class Refusal : uint8_t { None, NoSuchPool, NoSuchSlot, OutOfRange, Busy, Stopping };

class Fleet {
 public:
  // seed: of the jitter in restarts.
  explicit Fleet(uint32_t seed) : random_(seed) {}

  // Takes one event in. A refused request (see refusal) changes nothing and is concluded as failed.
  Actions on(const Event& event, Instant now);

  // When the next Tick is due, if ever.
  std::optional<Instant> next_deadline() const;

  Refusal refusal(const Reload& request) const;
  Refusal refusal(const Restart& request) const;
  Refusal refusal(const Scale& request) const;

  const std::map<std::string, Pool, std::less<>>& pools() const { return pools_; }
  const std::map<WorkerId, Worker>& workers() const { return workers_; }
  const Worker* find_worker(WorkerId id) const;
  bool is_rolling() const { return rollout_.has_value(); }
  bool is_stopping() const { return stopping_; }
  bool has_started() const { return started_up_; }

 private:
  void handle(const Start& event);
  void handle(const Reload& event);
  void handle(const Restart& event);
  void handle(const Scale& event);
  void handle(const WorkerReady& event);
  void handle(const WorkerExtends& event);
  void handle(const WorkerStopping& event);
  void handle(const WorkerExited& event);
  void handle(const SlotQuiet& event);
  void handle(const Tick& event);
  void handle(const Stop& event);
  void handle(const StopNow& event);

  // Workers.
  WorkerId spawn(Pool& pool, uint32_t slot, uint32_t generation);
  void drain(WorkerId id);
  void kill(Worker& worker);
  void count_exit(Pool& pool, const Worker& worker, const WorkerExited& event);
  void lose_current(Pool& pool, const Worker& worker, const std::string& detail);

  // Slots. converge() brings a pool nearer to what is wanted; calling it twice changes nothing.
  void converge_all();
  void converge(Pool& pool);
  void converge_wanted(Pool& pool, uint32_t slot);
  void steer_away_from(Pool& pool, uint32_t first);
  void converge_unwanted(Pool& pool, uint32_t slot);
  bool is_ready(const Slot& slot) const;
  void vacate(Slot& slot);
  void forget_removed_pools();
  void update_served(Pool& pool);
  void check_started_up();
  void check_finished();

  // Rollouts (rollout.cc).
  static uint32_t wanted_after(const Pool& pool, const PoolSpec& spec);
  void begin_reload_in(Pool& pool, const PoolSpec& spec);
  void advance_rollout();
  void advance_restart();
  void commit_reload();
  void take_over(Pool& pool, uint32_t slot);
  void fail_rollout(const std::string& reason);
  void conclude(uint64_t ticket, bool ok, std::vector<std::string> reasons = {});

  void happened(What what, const Worker& worker, std::string detail = "");
  Pool* find_pool(std::string_view name);

  std::minstd_rand random_;
  std::map<std::string, Pool, std::less<>> pools_;
  std::map<WorkerId, Worker> workers_;
  std::optional<Rollout> rollout_;
  WorkerId next_id_ = 1;
  bool stopping_ = false;
  bool started_up_ = false;
  bool start_failed_ = false;
  bool finished_ = false;

  Instant now_;             // of the event in hand
  int32_t exited_pid_ = 0;  // of the event in hand
  Actions actions_;         // of the event in hand
};

// "starting", "ready", "draining".
std::string_view phase_name(Phase phase);

}  // namespace sockherd::fleet
