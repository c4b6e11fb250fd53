// Awaited: the part of Fleet that knows until when what is under way goes on or fails: for those
// who have a deadline of their own for it (EXTEND_TIMEOUT_USEC=).
#include <algorithm>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {
namespace {

void extend(std::optional<Instant>& until, const std::optional<Instant>& at) {
  if (at) until = until ? std::max(*until, *at) : at;
}

}  // namespace

// Whether the first start waits for this slot: it has not failed yet, nor come.
bool Fleet::is_first_awaited(const Pool& pool, uint32_t index) const {
  const Slot& slot = pool.slots[index];
  return !started_up_ && !start_failed_ && !stopping_ && pool.is_ours() && index < pool.desired &&
         !is_ready(slot) && slot.failures < kAttempts;
}

// Whether the end of its deadline brings on what is under way.
bool Fleet::is_awaited(const Worker& worker) const {
  if (stopping_) return true;
  const Pool& pool = pools_.find(worker.pool)->second;
  const Slot& slot = pool.slots[worker.slot];
  const bool is_new = slot.incoming == worker.id;
  if (rollout_ && slot.replacing && (is_new || slot.gives_way)) return true;
  return (is_new || slot.current == worker.id) && is_first_awaited(pool, worker.slot);
}

std::optional<Instant> Fleet::awaited_until() const {
  std::optional<Instant> until;
  for (const auto& [id, worker] : workers_) {
    if (!is_awaited(worker)) continue;
    extend(until, worker.deadline);
    if (worker.leaving && !worker.quiet) extend(until, worker.quiet_deadline);
  }
  for (const auto& [name, pool] : pools_) {
    extend(until, pool.waits_until);
    for (uint32_t i = 0; i < pool.slots.size(); ++i) {
      const Slot& slot = pool.slots[i];
      if (is_first_awaited(pool, i)) extend(until, slot.retry_at);
      if (!rollout_ || !slot.incoming) continue;
      const Worker& incoming = workers_.at(*slot.incoming);
      if (incoming.phase != Phase::Ready) continue;
      extend(until, incoming.ready_at + rollout_spec(pool).ready_for);
    }
  }
  if (!rollout_) return until;
  for (const auto& [name, progress] : rollout_->pools) extend(until, progress.retry_at);
  return until;
}

}  // namespace sockherd::fleet
