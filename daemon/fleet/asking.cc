// Asking: the part of Fleet about pools whose workers ask those of others, behind a proxy route:
// who starts after whom, and who ends after whom.
#include <algorithm>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {

// Has an address of its own, is ready, and nobody was told to ask somebody else.
bool Fleet::is_askable(const std::optional<WorkerId>& id) const {
  if (!id) return false;
  const Worker& worker = workers_.at(*id);
  return worker.has_own_address && worker.phase == Phase::Ready && !worker.leaving;
}

// Of a slot that a rollout fills, or whose worker is of another kind: nobody else is asked there,
// so its new worker is at once, and those who ask it need not wait for the end of the rollout.
bool Fleet::is_asked_early(const Slot& slot) const {
  return is_askable(slot.incoming) && !is_askable(slot.current);
}

// Whether somebody is there who stays.
bool Fleet::can_be_asked(const Pool& pool) const {
  const Duration ready_for = rollout_spec(pool).ready_for;
  const uint32_t wanted = wanted_slots(pool);
  for (uint32_t i = 0; i < pool.slots.size(); ++i) {
    const Slot& slot = pool.slots[i];
    if (i < wanted && is_askable(slot.current)) return true;
    const bool counts =
        is_askable(slot.incoming) && now_ >= workers_.at(*slot.incoming).ready_at + ready_for;
    if (counts) return true;
  }
  return false;
}

// --- who starts after whom

// In a rollout that starts both: a worker accepts as soon as it is ready, beside the one that it
// replaces, and would have nobody to ask. Pools that are asked ask nobody, so nobody waits in a
// circle.
bool Fleet::is_held_back(const Pool& pool) const {
  if (pool.waits_until && rollout_->kind == RolloutKind::Restart) return true;
  const PoolSpec& spec = rollout_spec(pool);
  if (spec.has_own_address) return false;
  return std::any_of(spec.asks.begin(), spec.asks.end(), [this](const std::string& name) {
    const auto progress = rollout_->pools.find(name);
    if (progress == rollout_->pools.end()) return false;
    const bool is_through = progress->second.pending.empty() && progress->second.batch.empty();
    const Pool& asked = pools_.find(name)->second;
    return !is_through && rollout_spec(asked).has_own_address && !can_be_asked(asked);
  });
}

// Whether it serves as what it was before, by a configuration that does not count any more: its
// next worker comes with a rollout, which keeps the order, and not with this start.
bool Fleet::is_of_another_kind(const Pool& pool) const {
  return std::any_of(pool.slots.begin(), pool.slots.end(), [&](const Slot& slot) {
    return slot.current && is_ready(slot) &&
           workers_.at(*slot.current).has_own_address != pool.spec.has_own_address;
  });
}

// Those of the pools it asks where nobody can be asked now.
std::vector<const Pool*> Fleet::missing(const Pool& pool) const {
  std::vector<const Pool*> all;
  if (pool.spec.has_own_address) return all;
  for (const std::string& name : pool.spec.asks) {
    const auto asked = pools_.find(name);
    if (asked == pools_.end() || !asked->second.is_ours()) continue;
    const bool is_awaited =
        asked->second.spec.has_own_address && !is_of_another_kind(asked->second);
    if (is_awaited && !can_be_asked(asked->second)) {
      all.push_back(&asked->second);
    }
  }
  return all;
}

// The first set: connections wait in their queues, where nothing ends them, until somebody can
// answer. Those who serve already, by the same configuration, have no reason to wait.
void Fleet::begin_waits(const Past& past) {
  for (auto& [name, pool] : pools_) {
    if (!pool.is_ours()) continue;
    const bool has_survivors = std::any_of(pool.slots.begin(), pool.slots.end(),
                                           [](const Slot& slot) { return slot.current; });
    if (has_survivors && !past.is_stale) continue;
    std::string names;
    for (const Pool* asked : missing(pool)) {
      names += (names.empty() ? "" : ", ") + asked->spec.name;
      pool.waits_until =
          std::max(pool.waits_until.value_or(now_), now_ + asked->spec.start_timeout);
    }
    if (!pool.waits_until) continue;
    actions_.push_back(Happened{
        .what = What::PoolWaits, .pool = name, .generation = pool.generation, .detail = names});
  }
}

// Not for ever, and not for those who do not come: an error is a better answer than none.
void Fleet::end_waits() {
  for (auto& [name, pool] : pools_) {
    if (!pool.waits_until) continue;
    const std::vector<const Pool*> others = missing(pool);
    const bool are_given_up = std::all_of(others.begin(), others.end(), [this](const Pool* asked) {
      return failed_slot(*asked) != nullptr;
    });
    if (pool.is_ours() && !stopping_ && !are_given_up && now_ < *pool.waits_until) continue;
    pool.waits_until.reset();
    if (!pool.is_ours() || stopping_) continue;
    for (const Pool* asked : others) {
      const Slot* failed = failed_slot(*asked);
      const std::string why = failed != nullptr ? failed->last_exit : "start_timeout";
      actions_.push_back(Happened{.what = What::PoolServesWithout,
                                  .pool = name,
                                  .generation = pool.generation,
                                  .detail = asked->spec.name + ": " + why});
    }
  }
}

// A slot that could not get a worker up, where nobody in the pool is ready.
const Slot* Fleet::failed_slot(const Pool& pool) const {
  const Slot* failed = nullptr;
  for (uint32_t i = 0; i < pool.desired && i < pool.slots.size(); ++i) {
    if (is_ready(pool.slots[i])) return nullptr;
    if (pool.slots[i].failures >= kAttempts) failed = &pool.slots[i];
  }
  return failed;
}

// They do already, or will if it does not come.
bool Fleet::is_dispensable(const Pool& pool) const {
  return pool.spec.has_own_address && !askers(pool).empty() && !can_be_asked(pool);
}

std::vector<const Pool*> Fleet::askers(const Pool& pool) const {
  std::vector<const Pool*> all;
  for (const auto& [name, other] : pools_) {
    const std::vector<std::string>& asks = other.spec.asks;
    const bool asks_it = std::find(asks.begin(), asks.end(), pool.spec.name) != asks.end();
    if (asks_it && other.is_ours() && !other.spec.has_own_address) all.push_back(&other);
  }
  return all;
}

// --- who ends after whom

// Whoever may still ask its workers, because his configuration knows the pool, ends first.
bool Fleet::is_needed(const Pool& pool) const {
  return pool.spec.has_own_address && has_patience_ && has_askers(pool.spec.name);
}

// Whether a worker lives who asks this pool, by whatever configuration.
bool Fleet::has_askers(const std::string& pool) const {
  return std::any_of(workers_.begin(), workers_.end(), [&pool](const auto& w) {
    const std::vector<std::string>& asks = w.second.asks;
    return std::find(asks.begin(), asks.end(), pool) != asks.end();
  });
}

// Nobody is asked in its slot instead, and somebody lives who asks its pool. One that is in force
// asks no pool of another kind, so those are the ones of other configurations, which end.
bool Fleet::is_asked_on(const Worker& worker) const {
  const Slot& slot = pools_.find(worker.pool)->second.slots[worker.slot];
  if (is_askable(slot.current) || is_askable(slot.incoming)) return false;
  if (slot.gives_way) return false;  // the next one comes when it has ended
  return has_patience_ && has_askers(worker.pool);
}

void Fleet::end_lingering() {
  for (auto& [id, worker] : workers_) {
    if (!worker.lingers) continue;
    worker.lingers = is_asked_on(worker);
    if (!worker.lingers) leave(worker);
  }
}

}  // namespace sockherd::fleet
