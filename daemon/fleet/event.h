// What happens to the fleet. Events carry facts only; time comes beside them, as `now`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "daemon/base/instant.h"

namespace sockherd::fleet {

// One worker process, for ever: never reused, so a late event about a dead worker finds nobody.
using WorkerId = uint64_t;

// What the fleet must know of a pool; the rest of its configuration is the hands' business.
struct PoolSpec {
  std::string name;
  uint32_t workers = 1;
  uint32_t max_workers = 1;
  Duration start_timeout{0};
  Duration drain_timeout{0};
  Duration restart_delay{0};
  Duration restart_delay_max{0};
  Duration stable_after{0};
};

// One generation: one configuration.
struct Spec {
  uint32_t generation = 0;
  std::vector<PoolSpec> pools;
};

// The first configuration, once, before anything else.
struct Start {
  Spec spec;
};
// Replace every worker by one of `spec`, all or none. Concluded by Conclude{ticket}.
struct Reload {
  uint64_t ticket = 0;
  Spec spec;
};
// Replace the workers of a pool one by one, or of one slot. Concluded by Conclude{ticket}.
struct Restart {
  uint64_t ticket = 0;
  std::string pool;
  std::optional<uint32_t> slot;
};
struct Scale {
  std::string pool;
  uint32_t workers = 0;
};
struct WorkerReady {
  WorkerId id = 0;
};
// EXTEND_TIMEOUT_USEC: the worker asks for `by` from now on before its current deadline counts.
struct WorkerExtends {
  WorkerId id = 0;
  Duration by{0};
};
// The worker says STOPPING=1 on its own account: its slot needs another one.
struct WorkerStopping {
  WorkerId id = 0;
};
enum class ExitKind : uint8_t { Status, Signal, NotStarted };
struct WorkerExited {
  WorkerId id = 0;
  ExitKind kind = ExitKind::Status;
  int code = 0;        // exit status or signal number
  std::string detail;  // for people: "exit 3", "signal SEGV", "exec /x: No such file or directory"
  int32_t pid = 0;     // for people
};
// Answer to AwaitQuiet: no handshake that was under way at the steer can still reach this slot.
struct SlotQuiet {
  std::string pool;
  uint32_t slot = 0;
};
// A deadline (Fleet::next_deadline) has come.
struct Tick {};
// Drain everything, then Finished.
struct Stop {};
// No more patience: kill everything, then Finished.
struct StopNow {};

using Event = std::variant<Start, Reload, Restart, Scale, WorkerReady, WorkerExtends,
                           WorkerStopping, WorkerExited, SlotQuiet, Tick, Stop, StopNow>;

}  // namespace sockherd::fleet
