// What a process uses, as /proc tells: itself alone, without what it has started.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace sockherd::sys {

struct ProcessUsage {
  double cpu_seconds = 0;
  uint64_t memory_bytes = 0;  // resident, shared pages among them
};

// Nothing of a process that is not there any more.
std::optional<ProcessUsage> process_usage(pid_t pid);

// From the text of /proc/PID/stat.
std::optional<ProcessUsage> parse_process_stat(std::string_view text, double ticks_per_second,
                                               uint64_t page_bytes);

}  // namespace sockherd::sys
