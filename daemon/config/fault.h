// Fault: one thing wrong with a configuration: where, and what to do about it.
#pragma once

#include <cstdint>
#include <string>

namespace sockherd::config {

// Where a value stands. line and column count from 1; 0 where there is no place in a file (an
// override, a missing table).
struct Place {
  std::string source;  // the file's name, "--set" or "environment"
  uint32_t line = 0;
  uint32_t column = 0;

  // "sockherd.toml:12:3", or only the source where there is no line.
  std::string text() const;
};

struct Fault {
  std::string source;
  uint32_t line = 0;
  uint32_t column = 0;
  std::string what;  // names the value and the remedy

  // "sockherd.toml:12:3: pool.web.workers: ..." (no ":0:0" where there is no place)
  std::string text() const;
};

}  // namespace sockherd::config
