// Text → Config, with every fault of the text in one go.
//
// The TOML parser is toml++ (built without exceptions); the schema is the table in options.h. A
// text with any fault yields no Config, so a caller can keep what is running. Pure: the caller
// reads the file; `file` is only a name for messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/config/fault.h"

namespace sockherd::config {

// An option set outside of the file: `key` is its dotted path ("pool.web.workers"), `value` a TOML
// value, or plain text for string options ("4", "auto", "[\"web\"]"). Later ones win; flags come
// after environment.
struct Override {
  std::string source;  // "--set" or "environment"
  std::string key;
  std::string value;
};

// One option with the value that is in force, and where that came from.
struct Setting {
  std::string path;    // "pool.web.workers"
  std::string value;   // as TOML: "\"auto\""
  std::string origin;  // "sockherd.toml:12:3", "environment", "--set" or "default"
};

struct Loaded {
  std::optional<Config> config;   // empty when there are faults
  std::vector<Fault> faults;      // sorted by place
  std::vector<Setting> settings;  // of every section that is there, in its order
};

// Where the option at `path` ("pool.web.command") was set; "" where it was not.
std::string origin_of(const std::vector<Setting>& settings, std::string_view path);

Loaded load(std::string_view text, std::string_view file,
            const std::vector<Override>& overrides = {});

// The overrides in an environment (environ(7) strings): SOCKHERD_POOL__WEB__WORKERS=4 sets
// pool.web.workers ("__" is the dot; names are lower-cased). Variables that are not of this form,
// and those that sockherd itself sets for workers (SOCKHERD_POOL, SOCKHERD_SLOT, ...), are left
// alone.
std::vector<Override> overrides_from_environment(const char* const* environment);

// A configuration file with every option documented in place, made from the option table. It loads
// without a fault and serves the demo module on port 8080.
std::string sample();

}  // namespace sockherd::config
