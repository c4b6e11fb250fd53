#include "daemon/fleet/fleet.h"

#include <algorithm>
#include <span>

#include "daemon/base/assert.h"
#include "daemon/fleet/backoff.h"

namespace sockherd::fleet {
namespace {

// A slot that can not get a worker up so often in a row counts as failed: at start-up the service
// goes on without it if a sibling serves, and a leaving slot is given up.
constexpr uint32_t kAttempts = 3;

// How long a leaving slot waits for handshakes under way. Clients answer a SYN-ACK within a round
// trip; one lost ACK is repaired by the kernel's retransmissions after 1, 3 and 7 s.
constexpr Duration kQuietTimeout = std::chrono::seconds(10);

}  // namespace

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::Starting:
      return "starting";
    case Phase::Ready:
      return "ready";
    case Phase::Draining:
      return "draining";
  }
  return "";
}

Actions Fleet::on(const Event& event, Instant now) {
  now_ = now;
  const auto* exited = std::get_if<WorkerExited>(&event);
  exited_pid_ = exited != nullptr ? exited->pid : 0;
  actions_.clear();
  std::visit([this](const auto& e) { handle(e); }, event);
  converge_all();
  forget_removed_pools();
  check_started_up();
  check_finished();
  return std::move(actions_);
}

// --- requests -----------------------------------------------------------------------------------

Refusal Fleet::refusal(const Scale& request) const {
  if (stopping_) return Refusal::Stopping;
  const auto pool = pools_.find(request.pool);
  if (pool == pools_.end() || pool->second.removed || pool->second.provisional) {
    return Refusal::NoSuchPool;
  }
  if (request.workers < 1 || request.workers > pool->second.spec.max_workers) {
    return Refusal::OutOfRange;
  }
  return rollout_ ? Refusal::Busy : Refusal::None;
}

void Fleet::handle(const Start& event) {
  for (const PoolSpec& spec : event.spec.pools) {
    Pool& pool = pools_[spec.name];
    pool.spec = spec;
    pool.generation = event.spec.generation;
    pool.desired = spec.workers;
  }
}

void Fleet::handle(const Scale& event) {
  if (refusal(event) != Refusal::None) return;
  Pool& pool = *find_pool(event.pool);
  if (pool.desired == event.workers) return;
  actions_.push_back(
      Happened{.what = What::PoolScaled,
               .pool = event.pool,
               .generation = pool.generation,
               .detail = std::to_string(pool.desired) + " to " + std::to_string(event.workers)});
  pool.desired = event.workers;
}

void Fleet::handle(const Stop& /*event*/) {
  stopping_ = true;
  if (rollout_) fail_rollout("sockherd is stopping");
  // Workers that are not ready yet have nothing to finish.
  for (auto& [id, worker] : workers_) {
    if (worker.phase == Phase::Starting) drain(id);
  }
  for (auto& [name, pool] : pools_) {
    for (Slot& slot : pool.slots) {
      slot.incoming.reset();
      slot.retry_at.reset();
      if (slot.current && workers_.at(*slot.current).phase != Phase::Ready) slot.current.reset();
    }
  }
}

void Fleet::handle(const StopNow& /*event*/) {
  if (!stopping_) handle(Stop{});
  for (auto& [id, worker] : workers_) kill(worker);
}

// --- workers ------------------------------------------------------------------------------------

void Fleet::handle(const WorkerReady& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end() || found->second.phase != Phase::Starting) return;
  Worker& worker = found->second;
  worker.phase = Phase::Ready;
  worker.ready_at = now_;
  worker.deadline.reset();
  happened(What::WorkerReady, worker);
  if (rollout_) advance_rollout();
}

void Fleet::handle(const WorkerExtends& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end() || !found->second.deadline || found->second.killed) return;
  found->second.deadline = std::max(*found->second.deadline, now_ + event.by);
}

void Fleet::handle(const WorkerStopping& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end() || found->second.phase != Phase::Ready) return;
  // It goes on its own account: it drains, and its slot starts another one as after a crash.
  Worker& worker = found->second;
  Pool& pool = *find_pool(worker.pool);
  if (pool.slots[worker.slot].current == worker.id) {
    lose_current(pool, worker, "stopped by itself");
  } else if (pool.slots[worker.slot].incoming == worker.id) {
    return;  // its exit will tell
  }
  worker.phase = Phase::Draining;
  worker.deadline = now_ + pool.spec.drain_timeout;
}

void Fleet::handle(const WorkerExited& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end()) return;
  const Worker worker = found->second;
  workers_.erase(found);
  Pool& pool = *find_pool(worker.pool);
  Slot& slot = pool.slots[worker.slot];
  count_exit(pool, worker, event);
  if (slot.incoming == worker.id) {
    slot.incoming.reset();
    slot.last_exit = event.detail;
    happened(What::WorkerCrashed, worker, event.detail);
    fail_rollout("pool " + worker.pool + " slot " + std::to_string(worker.slot) +
                 ": the new worker was not ready: " +
                 (worker.start_timed_out ? "start_timeout" : event.detail));
  } else if (slot.current == worker.id) {
    lose_current(pool, worker, event.detail);
  } else {
    happened(What::WorkerExited, worker, event.detail);
  }
}

// The slot's worker is gone and was wanted: the next one comes at once or after a backoff.
void Fleet::lose_current(Pool& pool, const Worker& worker, const std::string& detail) {
  Slot& slot = pool.slots[worker.slot];
  slot.current.reset();
  slot.last_exit = detail;
  ++slot.restarts;
  happened(What::WorkerCrashed, worker, detail);
  const bool was_stable =
      worker.phase == Phase::Ready && now_ - worker.ready_at >= pool.spec.stable_after;
  slot.failures = was_stable ? 1 : slot.failures + 1;
  if (stopping_ || slot.incoming) return;
  const Duration wait =
      backoff_delay(slot.failures, pool.spec.restart_delay, pool.spec.restart_delay_max,
                    static_cast<uint32_t>(random_()));
  if (wait <= Duration{0}) return;
  slot.retry_at = now_ + wait;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  happened(What::WorkerBackoff, worker, std::to_string(ms) + " ms");
}

void Fleet::count_exit(Pool& pool, const Worker& worker, const WorkerExited& event) {
  if (worker.start_timed_out) {
    ++pool.exits.start_timeout;
  } else if (event.kind == ExitKind::NotStarted) {
    ++pool.exits.start_failed;
  } else if (worker.phase == Phase::Draining) {
    ++(worker.killed ? pool.exits.drain_timeout : pool.exits.requested);
  } else if (event.kind == ExitKind::Signal) {
    ++pool.exits.signal;
  } else {
    ++pool.exits.exit;
  }
}

WorkerId Fleet::spawn(Pool& pool, uint32_t slot, uint32_t generation) {
  const WorkerId id = next_id_++;
  workers_[id] = {.id = id,
                  .pool = pool.spec.name,
                  .slot = slot,
                  .generation = generation,
                  .spawned_at = now_,
                  .deadline = now_ + pool.spec.start_timeout};
  ++pool.starts;
  actions_.push_back(Spawn{id, pool.spec.name, slot, generation});
  return id;
}

void Fleet::drain(WorkerId id) {
  Worker& worker = workers_.at(id);
  if (worker.phase == Phase::Draining) return;
  worker.phase = Phase::Draining;
  worker.deadline = now_ + find_pool(worker.pool)->spec.drain_timeout;
  actions_.push_back(Drain{id});
}

void Fleet::kill(Worker& worker) {
  if (worker.killed) return;
  worker.killed = true;
  worker.deadline.reset();
  actions_.push_back(Kill{worker.id});
}

// --- slots --------------------------------------------------------------------------------------

void Fleet::handle(const SlotQuiet& event) {
  Pool* pool = find_pool(event.pool);
  if (pool == nullptr || event.slot >= pool->slots.size()) return;
  Slot& slot = pool->slots[event.slot];
  if (slot.leaving) slot.quiet = true;
}

void Fleet::handle(const Tick& /*event*/) {
  for (auto& [id, worker] : workers_) {
    if (!worker.deadline || *worker.deadline > now_) continue;
    worker.start_timed_out = worker.phase == Phase::Starting;
    happened(worker.start_timed_out ? What::WorkerStartTimeout : What::WorkerDrainTimeout, worker);
    kill(worker);
  }
  for (auto& [name, pool] : pools_) {
    for (Slot& slot : pool.slots) {
      if (slot.retry_at && *slot.retry_at <= now_) slot.retry_at.reset();
      if (slot.quiet_deadline && *slot.quiet_deadline <= now_) slot.quiet = true;
    }
  }
}

std::optional<Instant> Fleet::next_deadline() const {
  std::optional<Instant> next;
  const auto consider = [&next](const std::optional<Instant>& at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const auto& [id, worker] : workers_) consider(worker.deadline);
  for (const auto& [name, pool] : pools_) {
    for (const Slot& slot : pool.slots) {
      consider(slot.retry_at);
      if (!slot.quiet) consider(slot.quiet_deadline);
    }
  }
  return next;
}

void Fleet::converge_all() {
  for (auto& [name, pool] : pools_) converge(pool);
}

void Fleet::converge(Pool& pool) {
  if (pool.provisional) return;  // the reload decides
  const uint32_t desired = stopping_ || pool.removed ? 0 : pool.desired;
  if (pool.slots.size() < desired) pool.slots.resize(desired);
  for (uint32_t i = 0; i < desired; ++i) converge_wanted(pool, i);
  steer_away_from(pool, desired);
  for (uint32_t i = desired; i < pool.slots.size(); ++i) converge_unwanted(pool, i);
}

void Fleet::converge_wanted(Pool& pool, uint32_t index) {
  Slot& slot = pool.slots[index];
  slot.leaving = false;
  slot.quiet = false;
  slot.quiet_deadline.reset();
  if (!slot.current && !slot.incoming && !slot.retry_at && !start_failed_) {
    slot.current = spawn(pool, index, pool.generation);
  }
}

// Steers away from every ready worker in the slots from `first` on, with one change of the
// steering. As long as none of the slots that stay is ready, they serve on: there is nobody to
// steer to.
void Fleet::steer_away_from(Pool& pool, uint32_t first) {
  const auto heirs = std::span(pool.slots).first(first);
  const bool has_heir =
      std::any_of(heirs.begin(), heirs.end(), [this](const Slot& slot) { return is_ready(slot); });
  std::vector<uint32_t> leaving;
  for (uint32_t i = first; i < pool.slots.size() && (has_heir || stopping_); ++i) {
    Slot& slot = pool.slots[i];
    if (pool.removed || slot.leaving || slot.incoming || !is_ready(slot) || !slot.dirty) continue;
    slot.leaving = true;
    slot.quiet_deadline = now_ + kQuietTimeout;
    happened(What::SlotLeaving, workers_.at(*slot.current));
    leaving.push_back(i);
  }
  update_served(pool);
  for (const uint32_t i : leaving) actions_.push_back(AwaitQuiet{pool.spec.name, i});
}

// One step of a slot on its way out: a last worker for what may wait in its queue, quiet, drain,
// vacant.
void Fleet::converge_unwanted(Pool& pool, uint32_t index) {
  Slot& slot = pool.slots[index];
  if (slot.incoming) return;  // a rollout decides first
  const bool given_up = !slot.current && (stopping_ || slot.failures >= kAttempts);
  const bool is_through = slot.leaving && slot.quiet && is_ready(slot);
  if (pool.removed || !slot.dirty || given_up || is_through) {
    if (slot.current) drain(*slot.current);
    vacate(slot);
  } else if (!slot.current && !slot.retry_at) {
    slot.current = spawn(pool, index, pool.generation);
  }
}

bool Fleet::is_ready(const Slot& slot) const {
  return slot.current && workers_.at(*slot.current).phase == Phase::Ready;
}

void Fleet::vacate(Slot& slot) {
  slot.current.reset();
  slot.leaving = false;
  slot.quiet = false;
  slot.quiet_deadline.reset();
  slot.retry_at.reset();
  slot.dirty = false;
  slot.failures = 0;
}

// A removed pool is kept as long as one of its workers lives: its limits still hold for that one.
void Fleet::forget_removed_pools() {
  std::erase_if(pools_, [this](const auto& entry) {
    const auto belongs = [&entry](const auto& w) { return w.second.pool == entry.first; };
    return entry.second.removed && std::none_of(workers_.begin(), workers_.end(), belongs);
  });
}

void Fleet::update_served(Pool& pool) {
  std::vector<uint32_t> served;
  for (uint32_t i = 0; i < pool.slots.size(); ++i) {
    const Slot& slot = pool.slots[i];
    if (!slot.leaving && is_ready(slot)) served.push_back(i);
  }
  for (const uint32_t i : served) pool.slots[i].dirty = true;
  // With nobody left the kernel goes on spreading over the sockets as before, and the connections
  // wait there for the next worker; only at the end of the service they are sent to what outlives
  // it.
  if (served == pool.served || (served.empty() && !stopping_)) return;
  pool.served = served;
  actions_.push_back(Serve{pool.spec.name, std::move(served)});
}

// --- beginning and end --------------------------------------------------------------------------

void Fleet::check_started_up() {
  if (started_up_ || start_failed_ || stopping_ || pools_.empty()) return;
  bool settled = true;
  for (const auto& [name, pool] : pools_) {
    bool any_ready = false;
    const Slot* failed = nullptr;
    bool pool_settled = true;
    for (const Slot& slot : pool.slots) {
      any_ready = any_ready || is_ready(slot);
      if (slot.failures >= kAttempts) failed = &slot;
      pool_settled = pool_settled && (is_ready(slot) || slot.failures >= kAttempts);
    }
    if (failed != nullptr && !any_ready) {
      start_failed_ = true;
      actions_.push_back(
          StartFailed{"pool " + name + ": no worker gets ready: " + failed->last_exit});
      return;
    }
    settled = settled && pool_settled;
  }
  if (!settled) return;
  started_up_ = true;
  actions_.push_back(StartedUp{});
}

void Fleet::check_finished() {
  if (!stopping_ || finished_ || !workers_.empty()) return;
  finished_ = true;
  actions_.push_back(Finished{});
}

const Worker* Fleet::find_worker(WorkerId id) const {
  const auto found = workers_.find(id);
  return found == workers_.end() ? nullptr : &found->second;
}

Pool* Fleet::find_pool(std::string_view name) {
  const auto found = pools_.find(name);
  return found == pools_.end() ? nullptr : &found->second;
}

void Fleet::happened(What what, const Worker& worker, std::string detail) {
  actions_.push_back(Happened{.what = what,
                              .pool = worker.pool,
                              .slot = worker.slot,
                              .generation = worker.generation,
                              .id = worker.id,
                              .detail = std::move(detail),
                              .pid = exited_pid_});
}

}  // namespace sockherd::fleet
