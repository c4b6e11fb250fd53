// The state of the fleet, as plain data; Fleet (fleet.h) is the only one to change it.
//
// A worker lives through Starting → Ready → Draining, and ends from any of them. A slot has
//   current   the worker that owns it (starting or ready), or none while it is empty or in backoff
//   incoming  the worker that will replace `current` once it is ready (rollout, renewal)
// and draining workers belong to no slot any more; they only finish what they have.
//
// A ready worker is *on probation* in a slot of a command that crashed again and again: the
// connections of clients would wait there for the next one, and nobody can take them over. It gets
// none before it has been ready for longer than those before it, as long as siblings serve. One
// that *stalls* gets none for the same reason.
//
// A worker is *leaving* when new connections are steered away from its slot, or from a listener
// that its successor does not have, or when others are asked in the place of one with an address of
// its own: it accepts on until it is *quiet*, then it is told to drain.
//
// One with an address of its own *lingers* when its slot is not its own any more, and nobody else
// can be asked there, because the configuration of its pool does not provide for that (any more, or
// yet): whoever lives and asks the pool by his own configuration asks it on, to his end.
// A slot is *dirty* from the moment it was served until a worker has drained after the quiet: a
// dirty slot without a worker may hold connections in its queue, so it is lent to a sibling, and
// gets one more worker even if nobody wants the slot any more.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/fleet/action.h"
#include "daemon/fleet/past.h"
#include "daemon/fleet/spec.h"

namespace sockherd::fleet {

struct Worker {
  WorkerId id = 0;
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  std::vector<std::string> listeners;
  std::vector<std::string> asks;  // pools, by the configuration that it has
  bool has_own_address = false;
  Phase phase = Phase::Starting;
  Instant spawned_at;
  Instant ready_at;
  std::optional<Instant> deadline;        // Starting: must be ready; Draining: must be gone
  std::optional<Instant> retire_at;       // Ready: of old age
  std::optional<Instant> serve_at;        // Ready: on probation until then
  std::optional<Instant> quiet_deadline;  // leaving: not waited for longer than this
  std::string awaits;                     // Starting: what it lacks, where that is known
  bool leaving = false;
  bool lingers = false;
  bool quiet_asked = false;      // for AwaitQuiet
  bool quiet = false;            // leaving, and nothing can arrive any more
  bool killed = false;           // by us, past its deadline or by StopNow
  bool start_timed_out = false;  // told to go; whatever it says comes too late
  bool hung = false;
  bool forced_out = false;
  bool stalls = false;  // accepts nothing at the moment
  bool worn = false;
  bool stale = false;  // adopted, or of a generation that is not in force, and to be replaced
};

struct Slot {
  std::optional<WorkerId> current;
  std::optional<WorkerId> incoming;
  std::optional<WorkerId> lent_to;
  bool replacing = false;  // in a batch of the rollout, which alone starts workers here
  bool gives_way = false;  // ... after the old worker has ended
  bool dirty = false;
  uint32_t failures = 0;               // in a row
  std::optional<Instant> retry_at;     // backoff
  std::optional<Instant> renew_after;  // the last renewal failed
  uint64_t restarts = 0;               // unwanted ends of workers, for people
  std::string last_exit;
};

struct Pool {
  PoolSpec spec;
  uint32_t generation = 0;  // the last one that it was in force with
  uint32_t desired = 0;
  std::vector<Slot> slots;  // as many as were ever wanted
  std::vector<Served> served;
  std::optional<Instant> waits_until;  // the first set, for pools that it asks; not for longer
  bool provisional = false;            // new in a reload that has not been committed
  bool outgoing = false;  // adopted, configured no more: serves until all others have started
  bool removed = false;   // by a committed reload; forgotten when its last worker is gone
  uint64_t starts = 0;
  Exits exits;
  Hangs hangs;

  // Of the configuration in force.
  bool is_ours() const { return !provisional && !outgoing && !removed; }
};

// The part of a rollout in one pool. Slots are replaced batch by batch; a batch is taken over in
// all pools together.
struct PoolRollout {
  uint32_t generation = 0;  // of the new workers
  std::vector<uint32_t> pending;
  std::vector<uint32_t> batch;
  std::vector<uint32_t> replaced;
  uint32_t failures = 0;
  std::optional<Instant> retry_at;  // after a failure that was not the last one
};

enum class RolloutKind : uint8_t { Reload, Restart, Upgrade, RollBack };

struct Rollout {
  RolloutKind kind = RolloutKind::Restart;
  uint64_t ticket = 0;
  std::optional<Spec> spec;  // Reload
  std::map<std::string, PoolRollout, std::less<>> pools;
  std::string failure;  // RollBack: of what
};

}  // namespace sockherd::fleet
