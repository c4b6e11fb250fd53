// Rollouts: the part of Fleet that replaces workers by others: for a reload (by ones of a new
// generation), a restart, an upgrade (survivors of a predecessor), and the way back from a reload
// that failed half-way.
#include <algorithm>
#include <utility>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {
namespace {

std::vector<uint32_t> slots_below(uint32_t count) {
  std::vector<uint32_t> slots(count);
  for (uint32_t i = 0; i < count; ++i) slots[i] = i;
  return slots;
}

bool holds_all(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&names](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

}  // namespace

// An upgrade gives way to what people ask for.
bool Fleet::is_busy() const {
  return rollout_ && rollout_->kind != RolloutKind::Upgrade;
}

Refusal Fleet::refusal(const Reload& /*request*/) const {
  if (stopping_) return Refusal::Stopping;
  // Pools that are to go have not gone yet: what is configured has still to start.
  const bool is_arriving =
      std::any_of(pools_.begin(), pools_.end(), [](const auto& p) { return p.second.outgoing; });
  return is_busy() || is_arriving ? Refusal::Busy : Refusal::None;
}

Refusal Fleet::refusal(const Restart& request) const {
  if (stopping_) return Refusal::Stopping;
  const auto pool = pools_.find(request.pool);
  if (pool == pools_.end() || !pool->second.is_ours()) {
    return Refusal::NoSuchPool;
  }
  if (request.slot && *request.slot >= pool->second.desired) return Refusal::NoSuchSlot;
  return is_busy() ? Refusal::Busy : Refusal::None;
}

// The worker count after a reload: one set at run time stays, unless the file asks for another one.
uint32_t Fleet::wanted_after(const Pool& pool, const PoolSpec& spec) {
  const bool keeps_count = spec.workers == pool.spec.workers && !pool.provisional;
  return std::min(keeps_count ? pool.desired : spec.workers, spec.max_workers);
}

// --- beginnings

void Fleet::handle(const Reload& event) {
  if (refusal(event) != Refusal::None) {
    conclude(event.ticket, false,
             {"another reload or restart is running, or sockherd is stopping"});
    return;
  }
  cancel_batches();
  cancel_renewals();
  rollout_ = Rollout{.kind = RolloutKind::Reload, .ticket = event.ticket, .spec = event.spec};
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
}

void Fleet::begin_reload_in(Pool& pool, const PoolSpec& spec) {
  const uint32_t workers = wanted_after(pool, spec);
  if (pool.slots.size() < workers) pool.slots.resize(workers);
  rollout_->pools[spec.name] = {.generation = rollout_->spec->generation,
                                .pending = slots_below(workers)};
}

void Fleet::handle(const Restart& event) {
  if (refusal(event) != Refusal::None) {
    conclude(event.ticket, false,
             {"another reload or restart is running, or sockherd is stopping"});
    return;
  }
  cancel_batches();
  cancel_renewals();
  const Pool& pool = *find_pool(event.pool);
  rollout_ = Rollout{.kind = RolloutKind::Restart, .ticket = event.ticket};
  rollout_->pools[event.pool] = {
      .generation = pool.generation,
      .pending = event.slot ? std::vector{*event.slot} : slots_below(pool.desired)};
  actions_.push_back(
      Happened{.what = What::RolloutStarted, .pool = event.pool, .generation = pool.generation});
}

bool Fleet::is_upgrade_due() const {
  if (!started_up_ || stopping_ || rollout_ || upgrade_failed_) return false;
  return std::any_of(workers_.begin(), workers_.end(), [this](const auto& w) {
    const auto pool = pools_.find(w.second.pool);
    return w.second.stale && is_owner(w.second) && !pool->second.removed &&
           w.second.slot < pool->second.desired;
  });
}

// The workers of the predecessor serve on until each has a successor.
void Fleet::begin_upgrade() {
  cancel_renewals();
  rollout_ = Rollout{.kind = RolloutKind::Upgrade};
  for (const auto& [name, pool] : pools_) {
    PoolRollout progress{.generation = pool.generation};
    for (uint32_t i = 0; i < wanted_slots(pool) && !pool.removed; ++i) {
      const Slot& slot = pool.slots[i];
      if (slot.current && workers_.at(*slot.current).stale) progress.pending.push_back(i);
    }
    if (!progress.pending.empty()) rollout_->pools[name] = std::move(progress);
  }
  actions_.push_back(Happened{.what = What::UpgradeStarted});
  advance_rollout();
}

const PoolRollout* Fleet::reload_in(const Pool& pool) const {
  if (!rollout_ || rollout_->kind != RolloutKind::Reload) return nullptr;
  const auto found = rollout_->pools.find(pool.spec.name);
  return found == rollout_->pools.end() ? nullptr : &found->second;
}

// The configuration of new workers.
const PoolSpec& Fleet::rollout_spec(const Pool& pool) const {
  if (rollout_ && rollout_->spec) {
    for (const PoolSpec& spec : rollout_->spec->pools) {
      if (spec.name == pool.spec.name) return spec;
    }
  }
  return pool.spec;
}

// --- progress

// Takes every step that can be taken now.
void Fleet::advance_rollout() {
  while (rollout_ && !stopping_) {
    Progress all{.has_batch = false, .is_complete = true};
    // First those who are asked: with them it is settled whether those who ask can begin.
    for (const bool is_asked : {true, false}) {
      for (auto& [name, progress] : rollout_->pools) {
        Pool& pool = *find_pool(name);
        if (rollout_spec(pool).has_own_address == is_asked) advance_pool(pool, progress, all);
      }
    }
    if (!all.has_batch) return finish_rollout();
    if (!all.is_complete) return;
    for (auto& [name, progress] : rollout_->pools) {
      for (const uint32_t slot : progress.batch) {
        take_over(*find_pool(name), slot);
        progress.replaced.push_back(slot);
      }
      progress.batch.clear();
    }
  }
}

void Fleet::advance_pool(Pool& pool, PoolRollout& progress, Progress& all) {
  if (progress.batch.empty() && !progress.pending.empty()) {
    if (is_held_back(pool)) {
      all = {.has_batch = true, .is_complete = false};
      return;
    }
    start_batch(pool, progress);
  }
  for (const uint32_t slot : progress.batch) {
    all.has_batch = true;
    all.is_complete = step(pool, progress, slot) && all.is_complete;
  }
}

// Picks the slots that are replaced next, and whose old worker must go before.
void Fleet::start_batch(Pool& pool, PoolRollout& progress) {
  const PoolSpec& spec = rollout_spec(pool);
  const auto pending = static_cast<uint32_t>(progress.pending.size());
  const bool all_at_once =
      rollout_->kind == RolloutKind::Reload || rollout_->kind == RolloutKind::RollBack;
  const uint32_t usual = all_at_once ? pending : 1;
  const uint32_t wanted = std::min(pending, spec.batch > 0 ? spec.batch : usual);
  const uint32_t beside = std::min(wanted, spec.max_surge);
  const uint32_t instead = std::min(wanted - beside, std::max(spec.max_unavailable, 1U));
  const uint32_t size = beside > 0 && spec.max_unavailable == 0 ? beside : beside + instead;
  for (uint32_t i = 0; i < size; ++i) {
    const uint32_t index = progress.pending[i];
    progress.batch.push_back(index);
    Slot& slot = pool.slots[index];
    slot.replacing = true;
    slot.retry_at.reset();
    slot.gives_way = i >= beside;
    if (!slot.gives_way || !slot.current) continue;
    // What waits in its queue, and what comes there, is taken by a sibling or waits for the next.
    // One with an address of its own finishes first what it has in flight.
    Worker& old = workers_.at(*slot.current);
    const bool is_asked = old.has_own_address && old.phase == Phase::Ready;
    if (is_asked) {
      leave(old);
    } else {
      drain(old.id);
    }
    slot.current.reset();
  }
  progress.pending.erase(progress.pending.begin(), progress.pending.begin() + size);
}

// Returns whether the new worker of the slot counts.
bool Fleet::step(Pool& pool, PoolRollout& progress, uint32_t index) {
  Slot& slot = pool.slots[index];
  const PoolSpec& spec = rollout_spec(pool);
  if (!slot.incoming) {
    const auto is_here = [&](const auto& w) {
      return w.second.pool == pool.spec.name && w.second.slot == index;
    };
    if (progress.retry_at || is_held_back(pool)) return false;
    if (slot.gives_way && std::any_of(workers_.begin(), workers_.end(), is_here)) return false;
    slot.incoming = spawn(pool, index, progress.generation, spec);
  }
  const Worker& incoming = workers_.at(*slot.incoming);
  return incoming.phase == Phase::Ready && now_ >= incoming.ready_at + spec.ready_for;
}

// The incoming worker is ready and becomes the owner of the slot; the old one only finishes. Both
// have accepted from the same socket, so there is nothing to steer, unless the old one has a
// listener that the new one does not.
void Fleet::take_over(Pool& pool, uint32_t index) {
  Slot& slot = pool.slots[index];
  if (!slot.incoming) return;
  if (slot.current) {
    Worker& old = workers_.at(*slot.current);
    const bool loses_nothing = holds_all(workers_.at(*slot.incoming).listeners, old.listeners);
    if (old.has_own_address && old.phase == Phase::Ready) {
      old.lingers = !old.leaving;
    } else {
      loses_nothing || old.phase != Phase::Ready ? drain(old.id) : leave(old);
    }
  }
  slot.current = std::exchange(slot.incoming, std::nullopt);
  slot.replacing = slot.gives_way = false;
  slot.failures = 0;
  slot.retry_at.reset();
  slot.renew_after.reset();
}

// --- ends

void Fleet::finish_rollout() {
  const Rollout done = std::move(*rollout_);
  rollout_.reset();
  switch (done.kind) {
    case RolloutKind::Reload:
      commit_reload(*done.spec);
      return conclude(done.ticket, true);
    case RolloutKind::Restart:
      return conclude(done.ticket, true);
    case RolloutKind::Upgrade:
      actions_.push_back(Happened{.what = What::UpgradeDone});
      return;
    case RolloutKind::RollBack:
      return conclude(done.ticket, false, {done.failure});
  }
}

void Fleet::commit_reload(const Spec& all) {
  // Those who leave may be wanted again: as what they are, until they are replaced.
  for (auto& [id, worker] : workers_) {
    worker.stale = worker.stale || worker.generation != all.generation;
  }
  upgrade_failed_ = false;
  for (auto& [name, pool] : pools_) {
    const auto spec = std::find_if(all.pools.begin(), all.pools.end(),
                                   [&n = name](const PoolSpec& s) { return s.name == n; });
    pool.waits_until.reset();  // for those who are there now, or not wanted any more
    if (spec == all.pools.end()) {
      pool.removed = true;
      continue;
    }
    pool.desired = wanted_after(pool, *spec);
    pool.spec = *spec;
    pool.generation = all.generation;
    pool.provisional = false;
  }
}

// Takes back the new workers of the batches under way; whoever served before serves on.
void Fleet::cancel_batches() {
  if (!rollout_) return;
  for (auto& [name, pool] : pools_) {
    for (Slot& slot : pool.slots) {
      if (!slot.replacing) continue;
      slot.replacing = slot.gives_way = false;
      if (slot.incoming) take_back(pool, slot);
    }
  }
}

// Whoever is asked already is told to go like every other one that is: when he has finished, and
// somebody else can be asked. Where he is the only one in his slot, and of the configuration of the
// pool, it is his: in a pool that is new with this reload those of its configuration may ask him to
// their end.
void Fleet::take_back(Pool& pool, Slot& slot) {
  const WorkerId id = *slot.incoming;
  Worker& worker = workers_.at(id);
  const bool fits = pool.provisional || worker.generation == pool.generation;
  if (!is_asked_early(slot)) {
    drain(id);
  } else if (fits && !slot.current) {
    slot.current = id;
  } else {
    worker.lingers = true;
  }
  slot.incoming.reset();
}

void Fleet::cancel_renewals() {
  for (auto& [name, pool] : pools_) {
    for (Slot& slot : pool.slots) {
      if (slot.replacing || !slot.incoming) continue;
      drain(*slot.incoming);
      slot.incoming.reset();
    }
  }
}

void Fleet::fail_rollout(const std::string& reason) {
  if (!rollout_) return;
  cancel_batches();
  Rollout failed = std::move(*rollout_);
  rollout_.reset();
  for (auto& [name, pool] : pools_) {
    if (!pool.provisional) continue;
    pool.provisional = false;
    pool.removed = true;
  }
  switch (failed.kind) {
    case RolloutKind::Reload:
      for (auto& [id, worker] : workers_) {
        worker.stale = worker.stale || worker.generation == failed.spec->generation;
      }
      return roll_back(std::move(failed), reason);
    case RolloutKind::Restart:
      return conclude(failed.ticket, false, {reason});
    case RolloutKind::Upgrade:
      upgrade_failed_ = true;
      actions_.push_back(Happened{.what = What::UpgradeFailed, .detail = reason});
      return;
    case RolloutKind::RollBack:
      upgrade_failed_ = true;  // what is left is not tried for ever
      return conclude(failed.ticket, false, {failed.failure, "roll-back: " + reason});
  }
}

// Replaces what was replaced already by workers of the generation before.
void Fleet::roll_back(Rollout failed, const std::string& reason) {
  Rollout back{.kind = RolloutKind::RollBack, .ticket = failed.ticket, .failure = reason};
  for (auto& [name, progress] : failed.pools) {
    const Pool& pool = *find_pool(name);
    // A slot that the old generation did not have needs no way back: nobody wants it.
    std::erase_if(progress.replaced, [&pool](uint32_t slot) { return slot >= pool.desired; });
    if (pool.removed || progress.replaced.empty()) continue;
    back.pools[name] = {.generation = pool.generation, .pending = progress.replaced};
  }
  if (back.pools.empty() || stopping_) return conclude(failed.ticket, false, {reason});
  actions_.push_back(Happened{.what = What::RolledBack, .detail = reason});
  rollout_ = std::move(back);
}

void Fleet::conclude(uint64_t ticket, bool ok, std::vector<std::string> reasons) {
  actions_.push_back(Conclude{ticket, ok, std::move(reasons)});
}

}  // namespace sockherd::fleet
