// Rollouts: the part of Fleet that replaces workers by others, for a reload (all slots at once,
// committed together or not at all) and for a restart (slot by slot).
#include <algorithm>
#include <utility>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {

Refusal Fleet::refusal(const Reload& /*request*/) const {
  if (stopping_) return Refusal::Stopping;
  return rollout_ ? Refusal::Busy : Refusal::None;
}

Refusal Fleet::refusal(const Restart& request) const {
  if (stopping_) return Refusal::Stopping;
  const auto pool = pools_.find(request.pool);
  if (pool == pools_.end() || pool->second.removed || pool->second.provisional) {
    return Refusal::NoSuchPool;
  }
  if (request.slot && *request.slot >= pool->second.desired) return Refusal::NoSuchSlot;
  return rollout_ ? Refusal::Busy : Refusal::None;
}

// The worker count after a reload: one set at run time stays, unless the file asks for another one.
uint32_t Fleet::wanted_after(const Pool& pool, const PoolSpec& spec) {
  const bool keeps_count = spec.workers == pool.spec.workers && !pool.provisional;
  return std::min(keeps_count ? pool.desired : spec.workers, spec.max_workers);
}

void Fleet::handle(const Reload& event) {
  if (refusal(event) != Refusal::None) {
    conclude(event.ticket, false,
             {"another reload or restart is running, or sockherd is stopping"});
    return;
  }
  rollout_ = Rollout{.ticket = event.ticket, .spec = event.spec};
  actions_.push_back(Happened{.what = What::RolloutStarted, .generation = event.spec.generation});
  for (const PoolSpec& spec : event.spec.pools) {
    auto found = pools_.find(spec.name);
    if (found == pools_.end()) {
      found = pools_.emplace(spec.name, Pool{.spec = spec, .provisional = true}).first;
    }
    Pool& pool = found->second;
    if (pool.removed) {  // it was on its way out and comes back
      pool.removed = false;
      pool.provisional = true;
      pool.desired = 0;
    }
    begin_reload_in(pool, spec);
  }
  advance_rollout();  // nothing to wait for where there is no pool
}

void Fleet::begin_reload_in(Pool& pool, const PoolSpec& spec) {
  const uint32_t workers = wanted_after(pool, spec);
  if (pool.slots.size() < workers) pool.slots.resize(workers);
  for (uint32_t i = 0; i < workers; ++i) {
    Slot& slot = pool.slots[i];
    slot.retry_at.reset();
    slot.incoming = spawn(pool, i, rollout_->spec->generation);
    workers_.at(*slot.incoming).deadline = now_ + spec.start_timeout;  // the new one, not ours yet
  }
}

void Fleet::handle(const Restart& event) {
  if (refusal(event) != Refusal::None) {
    conclude(event.ticket, false,
             {"another reload or restart is running, or sockherd is stopping"});
    return;
  }
  rollout_ = Rollout{.ticket = event.ticket, .pool = event.pool};
  const Pool& pool = *find_pool(event.pool);
  for (uint32_t i = 0; i < pool.desired; ++i) {
    if (!event.slot || *event.slot == i) rollout_->pending.push_back(i);
  }
  actions_.push_back(
      Happened{.what = What::RolloutStarted, .pool = event.pool, .generation = pool.generation});
  advance_rollout();
}

// Called when a worker has become ready, and once at the beginning.
void Fleet::advance_rollout() {
  if (!rollout_->spec) {
    advance_restart();
    return;
  }
  for (const auto& [name, pool] : pools_) {
    for (const Slot& slot : pool.slots) {
      if (slot.incoming && workers_.at(*slot.incoming).phase != Phase::Ready) return;
    }
  }
  commit_reload();
}

void Fleet::advance_restart() {
  Pool& pool = *find_pool(rollout_->pool);
  while (!rollout_->pending.empty()) {
    const uint32_t index = rollout_->pending.front();
    Slot& slot = pool.slots[index];
    if (!slot.incoming) {
      slot.retry_at.reset();
      slot.incoming = spawn(pool, index, pool.generation);
    }
    if (workers_.at(*slot.incoming).phase != Phase::Ready) return;
    take_over(pool, index);
    rollout_->pending.erase(rollout_->pending.begin());
  }
  const uint64_t ticket = rollout_->ticket;
  rollout_.reset();
  conclude(ticket, true);
}

void Fleet::commit_reload() {
  const Rollout done = std::move(*rollout_);
  rollout_.reset();
  for (auto& [name, pool] : pools_) {
    const auto spec = std::find_if(done.spec->pools.begin(), done.spec->pools.end(),
                                   [&n = name](const PoolSpec& s) { return s.name == n; });
    if (spec == done.spec->pools.end()) {
      pool.removed = true;
      continue;
    }
    pool.desired = wanted_after(pool, *spec);
    pool.spec = *spec;
    pool.generation = done.spec->generation;
    pool.provisional = false;
    for (uint32_t i = 0; i < pool.slots.size(); ++i) take_over(pool, i);
  }
  conclude(done.ticket, true);
}

// The incoming worker is ready and becomes the owner of the slot; the old one only finishes. Both
// have accepted from the same socket, so there is nothing to steer.
void Fleet::take_over(Pool& pool, uint32_t index) {
  Slot& slot = pool.slots[index];
  if (!slot.incoming) return;
  if (slot.current) drain(*slot.current);
  slot.current = std::exchange(slot.incoming, std::nullopt);
  slot.failures = 0;
  slot.retry_at.reset();
}

// Takes every new worker back; whoever served before serves on.
void Fleet::fail_rollout(const std::string& reason) {
  if (!rollout_) return;
  const uint64_t ticket = rollout_->ticket;
  rollout_.reset();
  for (auto& [name, pool] : pools_) {
    for (Slot& slot : pool.slots) {
      if (slot.incoming) drain(*slot.incoming);
      slot.incoming.reset();
    }
    if (pool.provisional) {
      pool.provisional = false;
      pool.removed = true;
    }
  }
  conclude(ticket, false, {reason});
}

void Fleet::conclude(uint64_t ticket, bool ok, std::vector<std::string> reasons) {
  actions_.push_back(Conclude{ticket, ok, std::move(reasons)});
}

}  // namespace sockherd::fleet
