#include "daemon/sys/process_usage.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "daemon/base/parse.h"
#include "daemon/sys/file.h"

namespace sockherd::sys {

// Fields are numbered from 1 (proc(5)); the second is a name that may hold anything, ")" too.
std::optional<ProcessUsage> parse_process_stat(std::string_view text, double ticks_per_second,
                                               uint64_t page_bytes) {
  const size_t end_of_name = text.rfind(')');
  if (end_of_name == text.npos) return std::nullopt;
  text.remove_prefix(end_of_name + 1);
  constexpr int kUserTime = 14;
  constexpr int kSystemTime = 15;
  constexpr int kResidentPages = 24;
  ProcessUsage usage;
  for (int field = 3; field <= kResidentPages; ++field) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const size_t end = std::min(text.find(' '), text.size());
    const auto number = parse_number<uint64_t>(text.substr(0, end));
    text.remove_prefix(end);
    if (field != kUserTime && field != kSystemTime && field != kResidentPages) continue;
    if (!number) return std::nullopt;
    if (field == kResidentPages) {
      usage.memory_bytes = *number * page_bytes;
    } else {
      usage.cpu_seconds += static_cast<double>(*number) / ticks_per_second;
    }
  }
  return usage;
}

std::optional<ProcessUsage> process_usage(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!text.ok()) return std::nullopt;
  return parse_process_stat(text.value(), static_cast<double>(::sysconf(_SC_CLK_TCK)),
                            static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace sockherd::sys
