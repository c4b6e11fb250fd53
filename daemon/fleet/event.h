// What happens to the fleet. Events carry facts only; time comes beside them, as `now`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "daemon/base/instant.h"
#include "daemon/fleet/past.h"
#include "daemon/fleet/spec.h"

namespace sockherd::fleet {

// The first configuration and what a predecessor left, once, before anything else.
struct Start {
  Spec spec;
  Past past;
};
// Replace every worker by one of `spec`; if that fails, none. Concluded by Conclude{ticket}.
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
// What is still missing before it counts as ready; told where it is never ready.
struct WorkerAwaits {
  WorkerId id = 0;
  std::string what;  // for people: "nothing has listened on 127.0.0.1:4711"
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
// It lives, but makes no progress.
struct WorkerHung {
  WorkerId id = 0;
  std::string why;  // for people
  HangReason reason = HangReason::Loop;
};
// It has accepted nothing for a while (or does again): it may get no new connections while siblings
// do. Whether it hangs is seen the better for that: its queue does not grow any more.
enum class Flow : uint8_t { Stands, Goes };
struct WorkerStalls {
  WorkerId id = 0;
  Flow flow = Flow::Stands;
};
// It shall be replaced by a fresh one, without haste.
struct WorkerWorn {
  WorkerId id = 0;
  std::string why;  // for people
};
enum class ExitKind : uint8_t { Status, Signal, NotStarted, Unknown };
struct WorkerExited {
  WorkerId id = 0;
  ExitKind kind = ExitKind::Status;
  int code = 0;        // exit status or signal number
  std::string detail;  // for people: "exit 3", "signal SEGV", "exec /x: No such file or directory"
  int32_t pid = 0;     // for people
};
// Answer to AwaitQuiet: nothing that was under way at the steer can still reach this worker.
struct WorkerQuiet {
  WorkerId id = 0;
};
// A deadline (Fleet::next_deadline) has come.
struct Tick {};
// Drain everything, then Finished.
struct Stop {};
// No more patience: kill everything, then Finished.
struct StopNow {};

using Event = std::variant<Start, Reload, Restart, Scale, WorkerReady, WorkerAwaits, WorkerExtends,
                           WorkerStopping, WorkerHung, WorkerStalls, WorkerWorn, WorkerExited,
                           WorkerQuiet, Tick, Stop, StopNow>;

}  // namespace sockherd::fleet
