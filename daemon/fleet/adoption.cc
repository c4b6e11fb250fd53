// Adoption: the part of Fleet that takes over what a predecessor left, and leaves what it has to a
// successor. Start, restart, crash and upgrade are this one path; the first start has no past.
#include <algorithm>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {

void Fleet::handle(const Start& event) {
  next_id_ = event.past.next_id;
  for (const PoolSpec& spec : event.spec.pools) take_over_pool(spec, event.spec, event.past);
  for (const Survivor& survivor : event.past.workers) {
    Pool* pool = find_pool(survivor.pool);
    if (pool == nullptr) {
      pool = &pools_[survivor.pool];
      pool->spec.name = survivor.pool;
      pool->outgoing = true;  // who is to serve its listeners now is not there yet
      const auto past = event.past.pools.find(survivor.pool);
      if (past != event.past.pools.end()) {
        pool->spec.drain_timeout = past->second.drain_timeout;
        pool->spec.has_own_address = past->second.has_own_address;
      }
    }
    if (pool->outgoing) pool->generation = std::max(pool->generation, survivor.generation);
    if (pool->slots.size() <= survivor.slot) pool->slots.resize(survivor.slot + 1);
  }
  // Owners first: whether there is one decides about the others.
  for (const bool owns_slot : {true, false}) {
    for (const Survivor& survivor : event.past.workers) {
      if (survivor.owns_slot == owns_slot) adopt(survivor, event.past.is_stale);
    }
  }
  begin_waits(event.past);
}

void Fleet::take_over_pool(const PoolSpec& spec, const Spec& all, const Past& past) {
  Pool& pool = pools_[spec.name];
  pool.spec = spec;
  pool.generation = all.generation;
  pool.desired = spec.workers;
  const auto found = past.pools.find(spec.name);
  if (found == past.pools.end()) return;
  const PastPool& before = found->second;
  // A count set at run time stays, unless the file asks for another one now.
  if (before.spec_workers == spec.workers && before.desired > 0) {
    pool.desired = std::min(before.desired, spec.max_workers);
  }
  pool.starts = before.starts;
  pool.exits = before.exits;
  pool.hangs = before.hangs;
  for (const PastSlot& slot : before.slots) {
    pool.slots.push_back(
        {.dirty = slot.dirty, .restarts = slot.restarts, .last_exit = slot.last_exit});
  }
}

void Fleet::adopt(const Survivor& survivor, bool is_stale) {
  Pool& pool = *find_pool(survivor.pool);
  Slot& slot = pool.slots[survivor.slot];
  Worker& worker = workers_[survivor.id];
  worker = {.id = survivor.id,
            .pool = survivor.pool,
            .slot = survivor.slot,
            .generation = survivor.generation,
            .listeners = survivor.listeners,
            .asks = survivor.asks,
            .has_own_address = survivor.has_own_address,
            .phase = survivor.phase,
            .spawned_at = survivor.spawned_at,
            .ready_at = survivor.ready_at,
            .deadline = survivor.deadline,
            .awaits = survivor.awaits,
            .stale = is_stale};
  happened(What::WorkerAdopted, worker, std::string(phase_name(worker.phase)));
  if (worker.phase == Phase::Ready) become_ready(worker);
  if (worker.phase == Phase::Starting) worker.deadline = now_ + pool.spec.start_timeout;
  if (worker.phase == Phase::Draining) {
    if (!worker.deadline) worker.deadline = now_ + pool.spec.drain_timeout;
  } else if (!slot.current) {
    slot.current = worker.id;
    slot.dirty = slot.dirty || !survivor.has_own_address;
    worker.stale = is_stale || !survivor.owns_slot;  // of a rollout that came to no end
  } else if (worker.phase == Phase::Ready) {
    worker.leaving = !worker.has_own_address;  // the owner may have fewer listeners
    worker.lingers = worker.has_own_address;   // ... or be nobody to ask
  } else {
    drain(worker.id);
  }
}

// Some workers have a configuration that is not in force yet, or not any more.
bool Fleet::is_half_way() const {
  if (!rollout_) return false;
  if (rollout_->kind == RolloutKind::RollBack) return true;
  return rollout_->kind == RolloutKind::Reload &&
         std::any_of(rollout_->pools.begin(), rollout_->pools.end(),
                     [](const auto& p) { return !p.second.replaced.empty(); });
}

Past Fleet::past() const {
  Past past{.next_id = next_id_, .is_stale = is_half_way()};
  for (const auto& [name, pool] : pools_) {
    PastPool& kept = past.pools[name];
    kept = {.desired = pool.removed || pool.provisional || pool.outgoing ? 0 : pool.desired,
            .spec_workers = pool.spec.workers,
            .drain_timeout = pool.spec.drain_timeout,
            .has_own_address = pool.spec.has_own_address,
            .starts = pool.starts,
            .exits = pool.exits,
            .hangs = pool.hangs};
    for (const Slot& slot : pool.slots) {
      kept.slots.push_back({slot.dirty, slot.restarts, slot.last_exit});
    }
  }
  for (const auto& [id, worker] : workers_) {
    past.workers.push_back({.id = id,
                            .pool = worker.pool,
                            .slot = worker.slot,
                            .generation = worker.generation,
                            // One that was too late has been told to go, and gets no second start.
                            .phase = worker.start_timed_out ? Phase::Draining : worker.phase,
                            .owns_slot = is_owner(worker) && !worker.start_timed_out,
                            .has_own_address = worker.has_own_address,
                            .listeners = worker.listeners,
                            .asks = worker.asks,
                            .spawned_at = worker.spawned_at,
                            .ready_at = worker.ready_at,
                            .deadline = worker.deadline});
  }
  return past;
}

}  // namespace sockherd::fleet
