// The state of the fleet, as plain data; Fleet (fleet.h) is the only one to change it.
//
// A worker lives through Starting → Ready → Draining, and ends from any of them. A slot has
//   current   the worker that owns it (starting or ready), or none while it is empty or in backoff
//   incoming  the worker that will replace `current` once it is ready (reload, restart)
// and draining workers belong to no slot any more; they only finish what they have.
//
// A slot is *leaving* when the pool no longer wants it: it is steered away from, then quiet, then
// its worker is told to drain. It is *dirty* from the moment it was served until a worker has
// drained after the quiet: a dirty slot without a worker may hold connections in its queue, so it
// gets one more worker even if nobody wants the slot any more.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/fleet/event.h"

namespace sockherd::fleet {

enum class Phase : uint8_t { Starting, Ready, Draining };

struct Worker {
  WorkerId id = 0;
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  Phase phase = Phase::Starting;
  Instant spawned_at;
  Instant ready_at;
  std::optional<Instant> deadline;  // Starting: must be ready; Draining: must be gone
  bool killed = false;              // by us, past its deadline or by StopNow
  bool start_timed_out = false;
};

struct Slot {
  std::optional<WorkerId> current;
  std::optional<WorkerId> incoming;
  bool leaving = false;
  bool quiet = false;                     // leaving, and nothing can arrive any more
  std::optional<Instant> quiet_deadline;  // leaving: not waited for longer than this
  bool dirty = false;
  uint32_t failures = 0;            // in a row
  std::optional<Instant> retry_at;  // backoff
  uint64_t restarts = 0;            // unwanted ends of workers, for people
  std::string last_exit;
};

// Ends of workers by reason, for the metrics.
struct Exits {
  uint64_t requested = 0;
  uint64_t exit = 0;
  uint64_t signal = 0;
  uint64_t start_timeout = 0;
  uint64_t drain_timeout = 0;
  uint64_t start_failed = 0;
};

struct Pool {
  PoolSpec spec;
  uint32_t generation = 0;
  uint32_t desired = 0;
  std::vector<Slot> slots;  // as many as were ever wanted
  std::vector<uint32_t> served;
  bool provisional = false;  // new in a reload that has not been committed
  bool removed = false;      // by a committed reload; forgotten when its last worker is gone
  uint64_t starts = 0;
  Exits exits;
};

// A reload or restart under way.
struct Rollout {
  uint64_t ticket = 0;
  std::optional<Spec> spec;  // reload: all slots at once, committed together
  std::string pool;          // restart: slot by slot
  std::vector<uint32_t> pending;
};

}  // namespace sockherd::fleet
