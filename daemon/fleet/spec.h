// What the fleet must know of a configuration; the rest of it is the hands' business.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/instant.h"

namespace sockherd::fleet {

// One worker process, for ever: never reused, not by a later supervisor either, so a late event
// about a dead worker finds nobody.
using WorkerId = uint64_t;

struct PoolSpec {
  std::string name;
  std::vector<std::string> listeners;
  uint32_t workers = 1;
  uint32_t max_workers = 1;
  bool can_lend = false;  // its workers can serve the slots of their siblings
  // Each worker has an address that dies with it, and is asked by workers of other pools. So
  // nothing waits in a slot without a worker, and one that is replaced is steered away from and
  // finishes what it has in flight before it is told to go.
  bool has_own_address = false;
  // Pools of that kind whose workers those of this one ask. None starts before somebody is there.
  std::vector<std::string> asks;
  Duration start_timeout{0};
  Duration drain_timeout{0};
  Duration restart_delay{0};
  Duration restart_delay_max{0};
  Duration stable_after{0};

  // Rollouts: how workers are replaced by others.
  uint32_t batch = 0;            // slots that are replaced together, all or none; 0 = all
  uint32_t max_surge = 1024;     // of a batch: so many new workers beside the old ones
  uint32_t max_unavailable = 0;  // ... and so many whose old worker goes first
  Duration ready_for{0};         // a new worker counts once it has been ready for so long
  uint32_t max_failures = 1;     // so many failed new workers end the rollout, which is rolled back
  uint32_t max_generations = 8;  // alive at a time; the oldest draining ones are forced out

  Duration max_age{0};  // a worker is replaced after this long, up to a fifth earlier; 0 = never
};

// One generation: one configuration.
struct Spec {
  uint32_t generation = 0;
  std::vector<PoolSpec> pools;
};

}  // namespace sockherd::fleet
