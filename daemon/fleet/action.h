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
// SIGKILL.
struct Kill {
  WorkerId id = 0;
};
// Steer new connections of the pool's listeners to these slots only. Empty: nobody serves; steer to
// the sockets that outlive us (adopted ones), where there are any.
struct Serve {
  std::string pool;
  std::vector<uint32_t> slots;
};
// The slot was steered away from. Say SlotQuiet once the handshakes that had chosen it before are
// through; its worker keeps accepting until then.
struct AwaitQuiet {
  std::string pool;
  uint32_t slot = 0;
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
  WorkerReady,
  WorkerExited,  // as it was told to
  WorkerCrashed,
  WorkerStartTimeout,
  WorkerDrainTimeout,
  WorkerBackoff,
  SlotLeaving,
  PoolScaled,
  RolloutStarted,
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

using Action = std::variant<Spawn, Drain, Kill, Serve, AwaitQuiet, Conclude, StartedUp, StartFailed,
                            Finished, Happened>;
using Actions = std::vector<Action>;

}  // namespace sockherd::fleet
