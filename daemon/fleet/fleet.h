// Fleet: the decisions. on(Event, now) → Actions; pure, so every policy is a table of events.
//
// Invariants, held by tests/unit/daemon/fleet after every event of random sequences:
//   - a slot never has two owners that are both ready and not draining;
//   - a ready worker is told to drain only after its successor is ready, or after its slot was
//     steered away from and is quiet, or within max_unavailable of a rollout, or at Stop;
//   - a served slot has a ready worker, and where some worker of the pool neither stalls nor is on
//     probation, only such ones are served;
//   - a dirty slot without a ready worker is lent to a sibling, where there is one that can;
//   - a failed reload leaves or brings back the old generation;
//   - whoever asks others has somebody to ask to his end, as far as it depends on us;
//   - who asks others is not started by a rollout before there is somebody to ask, nor at the first
//     start, but for those who do not come;
//   - every worker that is not ready has a deadline, and so has what is under way.
// It asks for one timer: next_deadline(). The hands are daemon/supervisor. Parts: fleet.cc takes
// events in, slots.cc brings the slots nearer to what is wanted, health.cc is about those that
// serve badly, rollout.cc replaces workers by others, asking.cc orders those who ask and those who
// are asked, adoption.cc leaves a fleet to a successor and takes one over, awaited.cc knows how
// long what is under way may take.
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

  // Until when what is under way (the first start, a rollout, the stop) gets on or fails, by what
  // is known now. Nothing = nothing is under way; or only what has been killed is missing, of which
  // nobody knows when it ends.
  std::optional<Instant> awaited_until() const;

  Refusal refusal(const Reload& request) const;
  Refusal refusal(const Restart& request) const;
  Refusal refusal(const Scale& request) const;

  // What a successor must know; to be handed to its Start.
  Past past() const;

  const std::map<std::string, Pool, std::less<>>& pools() const { return pools_; }
  const std::map<WorkerId, Worker>& workers() const { return workers_; }
  const Worker* find_worker(WorkerId id) const;
  // Whether other pools serve without this one, whose workers they would ask: nobody in it can be
  // asked now.
  bool is_dispensable(const Pool& pool) const;
  bool is_rolling() const { return rollout_.has_value(); }
  std::optional<RolloutKind> rollout() const {
    return rollout_ ? std::optional(rollout_->kind) : std::nullopt;
  }
  bool is_stopping() const { return stopping_; }
  bool has_started() const { return started_up_; }

 private:
  void handle(const Start& event);
  void handle(const Reload& event);
  void handle(const Restart& event);
  void handle(const Scale& event);
  void handle(const WorkerReady& event);
  void handle(const WorkerAwaits& event);
  void handle(const WorkerExtends& event);
  void handle(const WorkerStopping& event);
  void handle(const WorkerHung& event);
  void handle(const WorkerStalls& event);
  void handle(const WorkerWorn& event);
  void handle(const WorkerExited& event);
  void handle(const WorkerQuiet& event);
  void handle(const Tick& event);
  void handle(const Stop& event);
  void handle(const StopNow& event);

  // Adoption (adoption.cc).
  void take_over_pool(const PoolSpec& spec, const Spec& all, const Past& past);
  void adopt(const Survivor& survivor, bool is_stale);
  bool is_half_way() const;

  // Workers.
  WorkerId spawn(Pool& pool, uint32_t slot);
  WorkerId spawn(Pool& pool, uint32_t slot, uint32_t generation, const PoolSpec& spec);
  void drain(WorkerId id);
  void kill(Worker& worker);
  void give_up_start(Worker& worker);
  static void count_hang(Pool& pool, HangReason reason);
  void count_exit(Pool& pool, const Worker& worker, const WorkerExited& event);
  void lose_current(Pool& pool, const Worker& worker, const std::string& detail);
  void lose_incoming(Pool& pool, const Worker& worker, const std::string& detail);
  void become_ready(Worker& worker);
  void put_on_probation(const Pool& pool, Worker& worker);

  // Slots (slots.cc). converge_all() brings every pool nearer to what is wanted; calling it twice
  // changes nothing.
  void converge_all();
  uint32_t wanted_slots(const Pool& pool) const;
  bool is_ending(const Pool& pool) const;
  void fill(Pool& pool);
  void renew(Pool& pool);
  void steer(Pool& pool);
  void leave(Worker& worker);
  void update_served(Pool& pool);
  std::vector<Served> choose_served(const Pool& pool) const;
  void ask_for_quiet();
  void dismiss(Pool& pool, uint32_t slot);
  void drain_replaced();
  void lend(Pool& pool);
  std::optional<WorkerId> find_lender(const Pool& pool) const;
  void force_out_oldest(Pool& pool);
  bool is_ready(const Slot& slot) const;
  bool is_owner(const Worker& worker) const;
  void vacate(Slot& slot);
  void forget_removed_pools();
  void check_started_up();
  void check_finished();

  // What is under way (awaited.cc).
  bool is_first_awaited(const Pool& pool, uint32_t index) const;
  bool is_awaited(const Worker& worker) const;

  // Pools that ask others (asking.cc).
  bool is_askable(const std::optional<WorkerId>& id) const;
  bool is_asked_early(const Slot& slot) const;
  bool can_be_asked(const Pool& pool) const;
  bool is_held_back(const Pool& pool) const;
  bool is_of_another_kind(const Pool& pool) const;
  std::vector<const Pool*> missing(const Pool& pool) const;
  void begin_waits(const Past& past);
  void end_waits();
  const Slot* failed_slot(const Pool& pool) const;
  std::vector<const Pool*> askers(const Pool& pool) const;
  bool is_needed(const Pool& pool) const;
  bool has_askers(const std::string& pool) const;
  bool is_asked_on(const Worker& worker) const;
  void end_lingering();

  // Rollouts (rollout.cc).
  static uint32_t wanted_after(const Pool& pool, const PoolSpec& spec);
  bool is_busy() const;
  void begin_reload_in(Pool& pool, const PoolSpec& spec);
  void begin_upgrade();
  bool is_upgrade_due() const;
  const PoolRollout* reload_in(const Pool& pool) const;
  const PoolSpec& rollout_spec(const Pool& pool) const;
  void cancel_renewals();
  void cancel_batches();
  void take_back(Pool& pool, Slot& slot);
  struct Progress {
    bool has_batch;
    bool is_complete;
  };
  void advance_rollout();
  void advance_pool(Pool& pool, PoolRollout& progress, Progress& all);
  void start_batch(Pool& pool, PoolRollout& progress);
  bool step(Pool& pool, PoolRollout& progress, uint32_t slot);
  void finish_rollout();
  void commit_reload(const Spec& spec);
  void take_over(Pool& pool, uint32_t slot);
  void fail_rollout(const std::string& reason);
  void roll_back(Rollout failed, const std::string& reason);
  void conclude(uint64_t ticket, bool ok, std::vector<std::string> reasons = {});

  void happened(What what, const Worker& worker, std::string detail = "");
  Pool* find_pool(std::string_view name);

  std::minstd_rand random_;
  std::map<std::string, Pool, std::less<>> pools_;
  std::map<WorkerId, Worker> workers_;
  std::optional<Rollout> rollout_;
  WorkerId next_id_ = 1;
  bool stopping_ = false;
  bool has_patience_ = true;  // until StopNow
  bool started_up_ = false;
  bool start_failed_ = false;
  bool upgrade_failed_ = false;
  bool finished_ = false;

  Instant now_;             // of the event in hand
  int32_t exited_pid_ = 0;  // of the event in hand
  Actions actions_;         // of the event in hand
};

// A slot that can not get a worker up so often in a row counts as failed: at start-up the service
// goes on without it if a sibling serves, and a leaving slot is given up.
inline constexpr uint32_t kAttempts = 3;

// "starting", "ready", "draining".
std::string_view phase_name(Phase phase);

}  // namespace sockherd::fleet
