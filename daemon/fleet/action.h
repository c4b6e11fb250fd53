// What the fleet wants done. The supervisor carries actions out in their order; how it went comes
// back as events, later, never from inside the call.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "daemon/fleet/event.h"

namespace sockherd::fleet {

// Start a worker of `generation` on the sockets of `slot`. Answered by WorkerReady or WorkerExited.
struct Spawn {
  WorkerId id = 0;
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
};
// Tell a worker to finish what it has and exit (SIGTERM).
struct Drain {
  WorkerId id = 0;
};
// SIGABRT: the worker hangs, and its core may say why.
struct Abort {
  WorkerId id = 0;
};
// SIGKILL.
struct Kill {
  WorkerId id = 0;
};
struct Served {
  uint32_t slot = 0;
  WorkerId worker = 0;  // who accepts there, and with it: on which listeners
  bool operator==(const Served&) const = default;
};
// Steer new connections of the pool's listeners to these slots only, and have those of them asked
// that have an address of their own. Nobody accepts: steer to the sockets that outlive us (adopted
// ones), where there are any, and let nobody else in.
struct Serve {
  std::string pool;
  std::vector<Served> slots;
  bool keeps_steering = false;  // only who is asked changes; connections wait for who comes next
};
// The worker's slot, or a listener of its, was steered away from. Say WorkerQuiet once what had
// chosen it before is through; it keeps accepting until then.
struct AwaitQuiet {
  WorkerId id = 0;
};
// Let worker `to` accept what waits in this slot of a sibling, too, until TakeBack.
struct Lend {
  std::string pool;
  uint32_t slot = 0;
  WorkerId to = 0;
};
struct TakeBack {
  std::string pool;
  uint32_t slot = 0;
  WorkerId from = 0;
};
// A reload or restart has ended.
struct Conclude {
  uint64_t ticket = 0;
  bool ok = false;
  std::vector<std::string> reasons;
};
// The first set of workers serves (READY=1). At most once.
struct StartedUp {};
// The first set can not be started; nothing serves in that pool. At most once, instead of
// StartedUp.
struct StartFailed {
  std::string reason;
};
// After Stop: no worker is left.
struct Finished {};

// For log, metrics and event ring; nothing is to be done.
enum class What : uint8_t {
  WorkerAdopted,
  WorkerReady,
  WorkerExited,  // as it was told to
  WorkerCrashed,
  WorkerHung,
  WorkerStalls,
  WorkerGoesOn,
  WorkerWorn,
  WorkerStartTimeout,
  WorkerDrainTimeout,
  WorkerForcedOut,
  WorkerBackoff,
  SlotLeaving,
  SlotLent,
  PoolScaled,
  PoolWaits,          // for those that it asks
  PoolServesWithout,  // ... which do not get ready
  RolloutStarted,
  RolledBack,
  UpgradeStarted,  // survivors of a predecessor are replaced
  UpgradeDone,
  UpgradeFailed,
};
struct Happened {
  What what;
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  WorkerId id = 0;
  std::string detail;
  int32_t pid = 0;  // of a worker that has exited; the hands know the living
};

using Action = std::variant<Spawn, Drain, Abort, Kill, Serve, AwaitQuiet, Lend, TakeBack, Conclude,
                            StartedUp, StartFailed, Finished, Happened>;
using Actions = std::vector<Action>;

}  // namespace sockherd::fleet
