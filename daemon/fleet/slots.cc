// Slots: the part of Fleet that brings every slot nearer to what is wanted: filled, served, lent,
// steered away from, quiet, vacant.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {
namespace {

// How long a leaving worker waits for handshakes under way. Clients answer a SYN-ACK within a round
// trip; one lost ACK is repaired by the kernel's retransmissions after 1, 3 and 7 s.
constexpr Duration kQuietTimeout = std::chrono::seconds(10);

}  // namespace

void Fleet::converge_all() {
  const auto in_each = [this](auto step) {
    for (auto& [name, pool] : pools_) {
      if (!pool.provisional) step(pool);  // there the reload decides
    }
  };
  in_each([this](Pool& pool) { fill(pool); });
  in_each([this](Pool& pool) { renew(pool); });
  end_lingering();
  // First all steering, then the waiting for what was under way: a listener may have moved from one
  // pool to another.
  in_each([this](Pool& pool) { steer(pool); });
  // In a reload under way those of the new configuration are asked as soon as they have taken over,
  // for so have those who ask them.
  for (auto& [name, pool] : pools_) {
    if (pool.provisional) update_served(pool);
  }
  ask_for_quiet();
  in_each([this](Pool& pool) {
    for (uint32_t i = wanted_slots(pool); i < pool.slots.size(); ++i) dismiss(pool, i);
  });
  drain_replaced();
  in_each([this](Pool& pool) { lend(pool); });
  in_each([this](Pool& pool) { force_out_oldest(pool); });
}

// Also slots that a reload under way has added already.
uint32_t Fleet::wanted_slots(const Pool& pool) const {
  if (is_ending(pool)) return 0;
  if (pool.outgoing || pool.removed) return static_cast<uint32_t>(pool.slots.size());
  const PoolRollout* progress = reload_in(pool);
  uint32_t wanted = pool.desired;
  for (const uint32_t slot : progress != nullptr ? progress->replaced : std::vector<uint32_t>{}) {
    wanted = std::max(wanted, slot + 1);
  }
  return wanted;
}

bool Fleet::is_ending(const Pool& pool) const {
  return (stopping_ || pool.removed) && !is_needed(pool);
}

// Of what generation a slot's worker is, unless a rollout starts it.
WorkerId Fleet::spawn(Pool& pool, uint32_t slot) {
  const PoolRollout* progress = reload_in(pool);
  const bool is_replaced = progress != nullptr &&
                           std::find(progress->replaced.begin(), progress->replaced.end(), slot) !=
                               progress->replaced.end();
  return is_replaced ? spawn(pool, slot, progress->generation, rollout_spec(pool))
                     : spawn(pool, slot, pool.generation, pool.spec);
}

// Every wanted slot has a worker, or waits for the end of a backoff.
void Fleet::fill(Pool& pool) {
  if (pool.outgoing) return;  // nobody knows its configuration
  const bool may_start = !start_failed_ && !stopping_ && !pool.removed && !pool.waits_until;
  const uint32_t wanted = wanted_slots(pool);
  if (pool.slots.size() < wanted) pool.slots.resize(wanted);
  for (uint32_t i = 0; i < wanted; ++i) {
    Slot& slot = pool.slots[i];
    if (slot.current) {
      Worker& worker = workers_.at(*slot.current);  // wanted again, if it was leaving
      worker.leaving = worker.quiet = worker.quiet_asked = false;
      worker.quiet_deadline.reset();
    } else if (!slot.incoming && !slot.retry_at && !slot.replacing && may_start) {
      slot.current = spawn(pool, i);
    }
  }
}

// Replaces worn workers, one at a time, while nothing else is being replaced.
void Fleet::renew(Pool& pool) {
  if (rollout_ || stopping_ || pool.outgoing || pool.removed || pool.waits_until) return;
  const uint32_t wanted = wanted_slots(pool);
  std::optional<uint32_t> worn;
  for (uint32_t i = 0; i < wanted; ++i) {
    const Slot& slot = pool.slots[i];
    if (slot.incoming) return;
    if (!worn && is_ready(slot) && workers_.at(*slot.current).worn && !slot.renew_after) worn = i;
  }
  if (worn) pool.slots[*worn].incoming = spawn(pool, *worn);
}

// Steers away from every ready worker in the slots that nobody wants, with one change of the
// steering. As long as none of the slots that stay is ready, they serve on: there is nobody to
// steer to; and so do those who are asked.
void Fleet::steer(Pool& pool) {
  const uint32_t wanted = wanted_slots(pool);
  bool has_heir = is_ending(pool);
  bool has_asked_heir = !has_patience_ || !has_askers(pool.spec.name);
  for (uint32_t i = 0; i < wanted; ++i) {
    const Slot& slot = pool.slots[i];
    has_heir = has_heir || is_ready(slot);
    has_asked_heir = has_asked_heir || is_askable(slot.current) || is_asked_early(slot);
  }
  for (uint32_t i = wanted; i < pool.slots.size(); ++i) {
    Slot& slot = pool.slots[i];
    if (slot.incoming || !is_ready(slot)) continue;
    Worker& worker = workers_.at(*slot.current);
    if (worker.leaving || !(worker.has_own_address ? has_asked_heir : has_heir)) continue;
    if (slot.dirty || worker.has_own_address) {
      leave(worker);
      happened(What::SlotLeaving, worker);
    } else if (!slot.replacing) {
      // It was never served. It would be now, if it is in doubt, and those without are leaving.
      drain(worker.id);
      vacate(slot);
    }
  }
  update_served(pool);
}

// Where others ask, they ask somebody else from now on, and what is in flight takes its time.
void Fleet::leave(Worker& worker) {
  worker.leaving = true;
  const Duration most =
      worker.has_own_address ? find_pool(worker.pool)->spec.drain_timeout : kQuietTimeout;
  worker.quiet_deadline = now_ + most;
}

// Those who accept, and those who are asked; of either only the best kind there is: a worker in
// doubt is better than none.
std::vector<Served> Fleet::choose_served(const Pool& pool) const {
  enum Kind { Good, OnProbation, Stalling };
  const auto kind_of = [](const Worker& w) {
    return w.stalls ? Stalling : w.serve_at ? OnProbation : Good;
  };
  std::vector<Served> candidates;
  std::array<Kind, 2> best{Stalling, Stalling};  // who accepts, who is asked
  const auto consider = [&](uint32_t slot, const Worker& worker) {
    if (worker.leaving) return;
    candidates.push_back({slot, worker.id});
    Kind& one = best.at(worker.has_own_address ? 1 : 0);
    one = std::min(one, kind_of(worker));
  };
  for (uint32_t i = 0; i < pool.slots.size(); ++i) {
    const Slot& slot = pool.slots[i];
    if (is_asked_early(slot)) consider(i, workers_.at(*slot.incoming));
    if (is_ready(slot)) consider(i, workers_.at(*slot.current));
  }
  for (const auto& [id, worker] : workers_) {
    if (worker.lingers && worker.pool == pool.spec.name) consider(worker.slot, worker);
  }
  std::erase_if(candidates, [&](const Served& one) {
    const Worker& worker = workers_.at(one.worker);
    return kind_of(worker) != best.at(worker.has_own_address ? 1 : 0);
  });
  return candidates;
}

void Fleet::update_served(Pool& pool) {
  const auto is_asked = [this](const Served& one) {
    const Worker* worker = find_worker(one.worker);
    return worker != nullptr && worker->has_own_address;
  };
  // At its end, and before it is committed, nobody of the pool accepts for us.
  const bool accepts = !is_ending(pool) && !pool.provisional;
  std::vector<Served> served = choose_served(pool);
  if (!accepts) std::erase_if(served, [&](const Served& one) { return !is_asked(one); });
  for (const Served& one : served) {
    Slot& slot = pool.slots[one.slot];
    slot.dirty = slot.dirty || !is_asked(one);
  }
  // With nobody left the kernel goes on spreading over the sockets as before, and the connections
  // wait there for the next worker; only at the end of the pool they are sent to what outlives it.
  // What we ask ourselves waits with whoever asks.
  const bool is_kept =
      accepts && !pool.spec.has_own_address && std::all_of(served.begin(), served.end(), is_asked);
  const bool was_asked = std::any_of(pool.served.begin(), pool.served.end(), is_asked);
  if (served == pool.served || (is_kept && served.empty() && !was_asked)) return;
  pool.served = served;
  actions_.push_back(Serve{pool.spec.name, std::move(served), is_kept});
}

// After the steering: it decides about new SYNs only.
void Fleet::ask_for_quiet() {
  for (auto& [id, worker] : workers_) {
    if (!worker.leaving || worker.quiet_asked) continue;
    worker.quiet_asked = true;
    if (!worker.quiet_deadline) leave(worker);
    actions_.push_back(AwaitQuiet{id});
  }
}

// One step of a slot on its way out: a last worker for what may wait in its queue, quiet, drain,
// vacant.
void Fleet::dismiss(Pool& pool, uint32_t index) {
  Slot& slot = pool.slots[index];
  if (slot.incoming || slot.replacing) return;  // a rollout decides first
  const Worker* owner = slot.current ? &workers_.at(*slot.current) : nullptr;
  const bool is_leaving = owner != nullptr && owner->leaving;
  if (is_leaving && !owner->quiet) return;
  if (owner != nullptr && owner->has_own_address && is_ready(slot) && !is_leaving) return;
  const bool given_up =
      owner == nullptr && (stopping_ || pool.spec.has_own_address || slot.failures >= kAttempts);
  if (pool.removed || !slot.dirty || given_up || is_leaving) {
    if (owner != nullptr) drain(owner->id);
    vacate(slot);
  } else if (owner == nullptr && !slot.retry_at && !pool.waits_until) {
    slot.current = spawn(pool, index);
  }
}

// Workers that were replaced by ones without all of their listeners, and are quiet now.
void Fleet::drain_replaced() {
  for (auto& [id, worker] : workers_) {
    if (worker.leaving && worker.quiet && !is_owner(worker)) drain(id);
  }
}

// What waits in a slot whose worker is gone is accepted by a sibling at once, and not after a
// backoff.
void Fleet::lend(Pool& pool) {
  const bool can_lend = pool.spec.can_lend && !pool.removed;
  for (uint32_t i = 0; i < pool.slots.size(); ++i) {
    Slot& slot = pool.slots[i];
    const bool has_worker =
        is_ready(slot) || (slot.incoming && workers_.at(*slot.incoming).phase == Phase::Ready);
    const bool needs_one = can_lend && slot.dirty && !has_worker;
    const Worker* lender = slot.lent_to ? find_worker(*slot.lent_to) : nullptr;
    if (lender == nullptr || lender->phase != Phase::Ready) slot.lent_to.reset();
    if (stopping_) continue;  // who has something lent drains it with his own
    if (slot.lent_to && !needs_one) {
      actions_.push_back(TakeBack{pool.spec.name, i, *slot.lent_to});
      slot.lent_to.reset();
    }
    if (slot.lent_to || !needs_one) continue;
    slot.lent_to = find_lender(pool);
    if (!slot.lent_to) continue;
    actions_.push_back(Lend{pool.spec.name, i, *slot.lent_to});
    actions_.push_back(
        Happened{.what = What::SlotLent,
                 .pool = pool.spec.name,
                 .slot = i,
                 .generation = pool.generation,
                 .detail = "to slot " + std::to_string(workers_.at(*slot.lent_to).slot)});
  }
}

// The one that serves and has the fewest slots of others.
std::optional<WorkerId> Fleet::find_lender(const Pool& pool) const {
  std::map<WorkerId, size_t> loans;
  for (const Slot& slot : pool.slots) {
    if (slot.lent_to) ++loans[*slot.lent_to];
  }
  std::optional<WorkerId> best;
  for (const Served& one : pool.served) {
    // With nobody left the list stays as it was.
    const Worker* worker = find_worker(one.worker);
    if (worker == nullptr || worker->phase != Phase::Ready || worker->has_own_address) continue;
    if (!best || loans[one.worker] < loans[*best]) best = one.worker;
  }
  return best;
}

// Clients that never end must not keep every old generation alive.
void Fleet::force_out_oldest(Pool& pool) {
  std::map<uint32_t, std::vector<WorkerId>> generations;
  for (const auto& [id, worker] : workers_) {
    if (worker.pool == pool.spec.name && !worker.killed) {
      generations[worker.generation].push_back(id);
    }
  }
  while (generations.size() > pool.spec.max_generations) {
    for (const WorkerId id : generations.begin()->second) {
      Worker& worker = workers_.at(id);
      if (worker.phase != Phase::Draining) continue;
      worker.forced_out = true;
      happened(What::WorkerForcedOut, worker);
      kill(worker);
    }
    generations.erase(generations.begin());
  }
}

bool Fleet::is_ready(const Slot& slot) const {
  return slot.current && workers_.at(*slot.current).phase == Phase::Ready;
}

bool Fleet::is_owner(const Worker& worker) const {
  const auto pool = pools_.find(worker.pool);
  return pool != pools_.end() && pool->second.slots[worker.slot].current == worker.id;
}

void Fleet::vacate(Slot& slot) {
  slot.current.reset();
  slot.retry_at.reset();
  slot.renew_after.reset();
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

}  // namespace sockherd::fleet
