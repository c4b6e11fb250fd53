#include "daemon/fleet/fleet.h"

#include <algorithm>
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/fleet/backoff.h"

namespace sockherd::fleet {
namespace {

// From the end of start_timeout to SIGKILL.
constexpr Duration kStartGrace = std::chrono::seconds(2);

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
  end_waits();
  advance_rollout();
  end_waits();  // who was waited for may have come or gone with it
  converge_all();
  forget_removed_pools();
  check_started_up();
  if (is_upgrade_due()) {
    begin_upgrade();
    converge_all();  // some may have been told to go first
  }
  check_finished();
  return std::move(actions_);
}

// --- requests -----------------------------------------------------------------------------------

Refusal Fleet::refusal(const Scale& request) const {
  if (stopping_) return Refusal::Stopping;
  const auto pool = pools_.find(request.pool);
  if (pool == pools_.end() || !pool->second.is_ours()) {
    return Refusal::NoSuchPool;
  }
  if (request.workers < 1 || request.workers > pool->second.spec.max_workers) {
    return Refusal::OutOfRange;
  }
  return is_busy() ? Refusal::Busy : Refusal::None;
}

void Fleet::handle(const Scale& event) {
  if (refusal(event) != Refusal::None) return;
  Pool& pool = *find_pool(event.pool);
  if (pool.desired == event.workers) return;
  // An upgrade has time: it begins anew with what is there then.
  if (rollout_) cancel_batches();
  rollout_.reset();
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
  cancel_renewals();
  // Workers that are not ready yet have nothing to finish.
  for (auto& [id, worker] : workers_) {
    if (worker.phase == Phase::Starting) drain(id);
  }
  for (auto& [name, pool] : pools_) {
    for (Slot& slot : pool.slots) {
      slot.retry_at.reset();
      if (slot.current && workers_.at(*slot.current).phase != Phase::Ready) slot.current.reset();
    }
  }
}

void Fleet::handle(const StopNow& /*event*/) {
  if (!stopping_) handle(Stop{});
  has_patience_ = false;
  for (auto& [id, worker] : workers_) kill(worker);
}

// --- workers ------------------------------------------------------------------------------------

void Fleet::handle(const WorkerReady& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end() || found->second.phase != Phase::Starting) return;
  Worker& worker = found->second;
  if (worker.killed || worker.start_timed_out) return;  // its last word
  worker.ready_at = now_;
  become_ready(worker);
  happened(What::WorkerReady, worker);
  Pool& pool = *find_pool(worker.pool);
  put_on_probation(pool, worker);
  if (!rollout_ && pool.slots[worker.slot].incoming == worker.id) take_over(pool, worker.slot);
}

void Fleet::handle(const WorkerAwaits& event) {
  const auto found = workers_.find(event.id);
  if (found != workers_.end()) found->second.awaits = event.what;
}

void Fleet::handle(const WorkerExtends& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end() || !found->second.deadline || found->second.killed) return;
  if (found->second.hung || found->second.start_timed_out) return;
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
  worker.leaving = worker.lingers = false;
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
  // What it is told to go with says nothing about why it was.
  const std::string late = "start_timeout" + (worker.awaits.empty() ? "" : ": " + worker.awaits);
  const std::string& detail = worker.start_timed_out ? late : event.detail;
  if (slot.incoming == worker.id) {
    lose_incoming(pool, worker, detail);
  } else if (slot.current == worker.id) {
    lose_current(pool, worker, detail);
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
  if (!worker.hung) happened(What::WorkerCrashed, worker, detail);
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

// A worker that was to replace another one is gone; the other one serves on.
void Fleet::lose_incoming(Pool& pool, const Worker& worker, const std::string& detail) {
  Slot& slot = pool.slots[worker.slot];
  slot.incoming.reset();
  slot.last_exit = detail;
  if (!worker.hung) happened(What::WorkerCrashed, worker, detail);
  if (!rollout_) {
    slot.renew_after = now_ + pool.spec.restart_delay_max;
    return;
  }
  PoolRollout& progress = rollout_->pools.at(pool.spec.name);
  const PoolSpec& spec = rollout_spec(pool);
  const uint32_t limit = rollout_->kind == RolloutKind::RollBack ? kAttempts : spec.max_failures;
  if (++progress.failures < limit) {
    progress.retry_at = now_ + spec.restart_delay;
    return;
  }
  fail_rollout("pool " + worker.pool + " slot " + std::to_string(worker.slot) +
               (worker.phase == Phase::Ready ? ": the new worker ended within ready_for: "
                                             : ": the new worker was not ready: ") +
               detail);
}

void Fleet::count_exit(Pool& pool, const Worker& worker, const WorkerExited& event) {
  if (worker.hung) {
    ++pool.exits.hang;
  } else if (worker.forced_out) {
    ++pool.exits.forced_out;
  } else if (worker.start_timed_out) {
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

// spec: what the worker is made by; that of the pool, or of the reload under way.
WorkerId Fleet::spawn(Pool& pool, uint32_t slot, uint32_t generation, const PoolSpec& spec) {
  const WorkerId id = next_id_++;
  workers_[id] = {.id = id,
                  .pool = pool.spec.name,
                  .slot = slot,
                  .generation = generation,
                  .listeners = spec.listeners,
                  .asks = spec.asks,
                  .has_own_address = spec.has_own_address,
                  .spawned_at = now_,
                  .deadline = now_ + spec.start_timeout};
  ++pool.starts;
  actions_.push_back(Spawn{id, pool.spec.name, slot, generation});
  return id;
}

void Fleet::drain(WorkerId id) {
  Worker& worker = workers_.at(id);
  if (worker.phase == Phase::Draining) return;
  worker.phase = Phase::Draining;
  worker.leaving = worker.lingers = false;
  if (worker.killed || worker.start_timed_out) return;  // it has been told
  worker.deadline = now_ + find_pool(worker.pool)->spec.drain_timeout;
  actions_.push_back(Drain{id});
}

void Fleet::kill(Worker& worker) {
  worker.deadline.reset();
  if (worker.killed) return;
  worker.killed = true;
  actions_.push_back(Kill{worker.id});
}

// A program may accept without ever being ready: what it has in hand it may finish, but not for as
// long as one that was trusted with a slot, which waits for the next one.
void Fleet::give_up_start(Worker& worker) {
  worker.start_timed_out = true;
  happened(What::WorkerStartTimeout, worker, worker.awaits);
  const Duration grace = std::min(kStartGrace, find_pool(worker.pool)->spec.drain_timeout);
  if (grace <= Duration{0}) return kill(worker);
  worker.deadline = now_ + grace;
  actions_.push_back(Drain{worker.id});
}

void Fleet::handle(const WorkerQuiet& event) {
  const auto found = workers_.find(event.id);
  if (found != workers_.end() && found->second.leaving) found->second.quiet = true;
}

// --- time ---------------------------------------------------------------------------------------

void Fleet::handle(const Tick& /*event*/) {
  const auto is_due = [this](const std::optional<Instant>& at) { return at && *at <= now_; };
  for (auto& [id, worker] : workers_) {
    if (is_due(worker.quiet_deadline)) worker.quiet = true;
    if (is_due(worker.serve_at)) worker.serve_at.reset();
    if (is_due(worker.retire_at)) handle(WorkerWorn{id, "max_age"});
    if (!is_due(worker.deadline)) continue;
    if (worker.phase == Phase::Starting && !worker.start_timed_out) {
      give_up_start(worker);
      continue;
    }
    if (!worker.start_timed_out) happened(What::WorkerDrainTimeout, worker);
    kill(worker);
  }
  for (auto& [name, pool] : pools_) {
    for (Slot& slot : pool.slots) {
      if (is_due(slot.retry_at)) slot.retry_at.reset();
      if (is_due(slot.renew_after)) slot.renew_after.reset();
    }
  }
  if (!rollout_) return;
  for (auto& [name, progress] : rollout_->pools) {
    if (is_due(progress.retry_at)) progress.retry_at.reset();
  }
}

std::optional<Instant> Fleet::next_deadline() const {
  std::optional<Instant> next;
  const auto consider = [&next](const std::optional<Instant>& at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const auto& [id, worker] : workers_) {
    consider(worker.deadline);
    if (worker.phase == Phase::Ready) consider(worker.retire_at);
    if (worker.phase == Phase::Ready) consider(worker.serve_at);
    if (worker.leaving && !worker.quiet) consider(worker.quiet_deadline);
  }
  for (const auto& [name, pool] : pools_) {
    consider(pool.waits_until);
    for (const Slot& slot : pool.slots) {
      consider(slot.retry_at);
      consider(slot.renew_after);
      if (!rollout_ || !slot.incoming) continue;
      const Worker& incoming = workers_.at(*slot.incoming);
      const Instant counts_at = incoming.ready_at + rollout_spec(pool).ready_for;
      if (incoming.phase == Phase::Ready && counts_at > now_) consider(counts_at);
    }
  }
  if (rollout_) {
    for (const auto& [name, progress] : rollout_->pools) consider(progress.retry_at);
  }
  return next;
}

// --- beginning and end --------------------------------------------------------------------------

void Fleet::check_started_up() {
  if (started_up_ || start_failed_ || stopping_ || pools_.empty()) return;
  bool settled = true;
  for (const auto& [name, pool] : pools_) {
    if (pool.removed || pool.provisional || pool.outgoing) continue;
    if (is_dispensable(pool)) {
      const std::vector<const Pool*> others = askers(pool);
      settled = settled && std::none_of(others.begin(), others.end(), [](const Pool* other) {
                  return other->waits_until.has_value();
                });
      continue;
    }
    bool pool_settled = true;
    for (uint32_t i = 0; i < pool.desired && i < pool.slots.size(); ++i) {
      const Slot& slot = pool.slots[i];
      pool_settled = pool_settled && (is_ready(slot) || slot.failures >= kAttempts);
    }
    if (const Slot* failed = failed_slot(pool)) {
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
  for (auto& [name, pool] : pools_) {
    pool.removed = pool.removed || std::exchange(pool.outgoing, false);
  }
  converge_all();
  forget_removed_pools();
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
