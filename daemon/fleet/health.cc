// Health: the part of Fleet about workers that live, and serve badly: those that hang, stall, are
// worn, or have yet to show that they last.
#include <algorithm>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {
namespace {

// From SIGABRT to SIGKILL: a core of a worker is written in this time, and a stopped process
// (SIGSTOP) sees the first one only when it goes on.
constexpr Duration kAbortGrace = std::chrono::seconds(2);

// How long a worker must be ready before it is served in a slot whose workers have failed so often
// in a row: longer each time, so that one that fails late is found out, too. One that lived for
// stable_after before has not failed.
Duration probation(uint32_t failures, Duration stable_after) {
  if (failures < 2) return Duration{0};
  const uint32_t doublings = std::min(failures - 2, 20U);
  return std::min<Duration>(std::chrono::seconds(int64_t{1} << doublings), stable_after);
}

}  // namespace

void Fleet::become_ready(Worker& worker) {
  worker.phase = Phase::Ready;
  worker.deadline.reset();
  const Duration most = find_pool(worker.pool)->spec.max_age;
  if (most <= Duration{0}) return;
  // Up to a fifth earlier, so that workers which started together are not replaced together.
  const int64_t thousandths = 800 + static_cast<int64_t>(random_() % 201);
  worker.retire_at = worker.ready_at + most / 1000 * thousandths;
}

// In a slot of commands that failed again and again; see state.h.
void Fleet::put_on_probation(const Pool& pool, Worker& worker) {
  const Slot& slot = pool.slots[worker.slot];
  if (slot.current != worker.id || pool.spec.can_lend || worker.has_own_address) return;
  const Duration wait = probation(slot.failures, pool.spec.stable_after);
  if (wait > Duration{0}) worker.serve_at = now_ + wait;
}

void Fleet::handle(const WorkerHung& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end() || found->second.phase != Phase::Ready) return;
  Worker& worker = found->second;
  Pool& pool = *find_pool(worker.pool);
  worker.hung = true;
  count_hang(pool, event.reason);
  happened(What::WorkerHung, worker, event.why);
  const Worker hung = worker;
  worker.phase = Phase::Draining;
  worker.leaving = worker.lingers = false;
  worker.deadline = now_ + kAbortGrace;
  actions_.push_back(Abort{event.id});
  if (pool.slots[hung.slot].current == hung.id) lose_current(pool, hung, "hang: " + event.why);
  if (pool.slots[hung.slot].incoming == hung.id) lose_incoming(pool, hung, "hang: " + event.why);
}

void Fleet::handle(const WorkerStalls& event) {
  const auto found = workers_.find(event.id);
  const bool stalls = event.flow == Flow::Stands;
  if (found == workers_.end() || found->second.phase != Phase::Ready) return;
  if (found->second.stalls == stalls) return;
  found->second.stalls = stalls;
  happened(stalls ? What::WorkerStalls : What::WorkerGoesOn, found->second);
}

void Fleet::handle(const WorkerWorn& event) {
  const auto found = workers_.find(event.id);
  if (found == workers_.end() || found->second.phase != Phase::Ready || found->second.worn) return;
  found->second.worn = true;
  found->second.retire_at.reset();
  happened(What::WorkerWorn, found->second, event.why);
}

void Fleet::count_hang(Pool& pool, HangReason reason) {
  switch (reason) {
    case HangReason::Loop:
      ++pool.hangs.loop;
      return;
    case HangReason::Queue:
      ++pool.hangs.queue;
      return;
    case HangReason::Watchdog:
      ++pool.hangs.watchdog;
      return;
  }
}

}  // namespace sockherd::fleet
