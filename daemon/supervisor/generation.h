// Generation: one configuration that workers run with, and its text as they get it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/config/load.h"
#include "daemon/fleet/event.h"
#include "daemon/sys/program_check.h"

namespace sockherd::supervisor {

struct Generation {
  uint32_t number = 0;
  config::Config config;
  // Sealed memory file; workers parse the very text that was validated. The admin process's
  // outlives the generation, and a second descriptor could be refused.
  std::shared_ptr<const UniqueFd> text;
  uint64_t hash = 0;  // of all that it came from: the same for the same configuration
  std::map<std::string, sys::SpawnOrigins> origins = {};  // of what pools with a command start
};

// Where a configuration comes from.
struct ConfigSource {
  std::string file;
  std::vector<config::Override> overrides;  // environment first, then flags
};

// A generation, or every fault of the text, one line each.
struct LoadedGeneration {
  std::optional<Generation> generation;
  std::vector<std::string> faults;
};

// Reads, validates and seals the configuration. Blocks on the file system only.
LoadedGeneration load_generation(const ConfigSource& source, uint32_t number);

// The same from a sealed text that was validated once already: the configuration that was in force.
LoadedGeneration reload_generation(int sealed_text, const ConfigSource& source, uint32_t number);

// What the programs of its pools lack on this machine, one line each. Asks directory services, and
// may take its time.
std::vector<std::string> missing_programs(const Generation& generation);

// How many threads a worker of the pool has; threads = "auto" becomes a number here.
uint32_t threads_of(const config::Pool& pool);

// What the fleet must know of it; workers = "auto" becomes a number here.
fleet::Spec fleet_spec(const Generation& generation);

}  // namespace sockherd::supervisor
