// Past: what one supervisor leaves to the next: the fleet as plain data, without decisions under
// way. Fleet::past() writes it, Start takes it in. An empty one is the first start.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/fleet/spec.h"

namespace sockherd::fleet {

enum class Phase : uint8_t { Starting, Ready, Draining };

// Ends of workers by reason, for the metrics.
struct Exits {
  uint64_t requested = 0;
  uint64_t exit = 0;
  uint64_t signal = 0;
  uint64_t start_timeout = 0;
  uint64_t drain_timeout = 0;
  uint64_t start_failed = 0;
  uint64_t hang = 0;
  uint64_t forced_out = 0;
};

// What a worker did not do that hung.
enum class HangReason : uint8_t {
  Loop,      // turn its loop: the engine counts that
  Queue,     // accept what waits
  Watchdog,  // say WATCHDOG=1 in time
};

// Hangs by reason, for the metrics. They are among the exits, once they have ended.
struct Hangs {
  uint64_t loop = 0;
  uint64_t queue = 0;
  uint64_t watchdog = 0;
};

// A worker that lives on.
struct Survivor {
  WorkerId id = 0;
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  Phase phase = Phase::Starting;
  bool owns_slot = false;  // else it drains, or was about to replace the owner
  bool has_own_address = false;
  std::vector<std::string> listeners;
  std::vector<std::string> asks;
  std::string awaits = {};  // what it lacks to be ready, as the hands that take it over see it
  Instant spawned_at;
  Instant ready_at;
  std::optional<Instant> deadline;
};

struct PastSlot {
  bool dirty = false;  // connections may wait in its queue
  uint64_t restarts = 0;
  std::string last_exit;
};

struct PastPool {
  uint32_t desired = 0;
  uint32_t spec_workers = 0;  // what the configuration said then
  Duration drain_timeout{0};
  bool has_own_address = false;
  uint64_t starts = 0;
  Exits exits;
  Hangs hangs;
  std::vector<PastSlot> slots;
};

struct Past {
  WorkerId next_id = 1;
  std::map<std::string, PastPool, std::less<>> pools;
  std::vector<Survivor> workers;
  bool is_stale = false;  // the survivors shall be replaced: other program, other configuration
};

}  // namespace sockherd::fleet
