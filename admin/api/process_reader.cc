#include "admin/api/process_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "daemon/base/parse.h"

namespace sockherd::api {
namespace {

using metrics::ProcessFacts;

// Of the fields after "pid (comm) " in /proc/PID/stat, counted from 0 at the state.
enum StatField : size_t {
  Utime = 11,
  Stime = 12,
  Threads = 17,
  StartTime = 19,
  Vsize = 20,
  Rss = 21
};

double seconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// What can be read of it: of a process that ends meanwhile, nothing (ESRCH). That is an exception
// of the buffer, which its iterators would let through; the stream takes it.
std::string content_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// comm may hold blanks and parentheses, so the fields are counted from the last ")".
std::vector<double> stat_fields(const std::string& stat) {
  std::vector<double> fields;
  const size_t comm_end = stat.rfind(')');
  if (comm_end == std::string::npos) return fields;
  std::istringstream rest(stat.substr(comm_end + 1));
  for (std::string word; rest >> word;) fields.push_back(parse_number<double>(word).value_or(0));
  return fields;
}

void read_stat(const std::string& directory, double boot_time_seconds, ProcessFacts& facts) {
  const std::vector<double> fields = stat_fields(content_of(directory + "/stat"));
  if (fields.size() <= Rss) return;
  static const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  static const auto page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  facts.cpu_seconds = (fields[Utime] + fields[Stime]) / ticks;
  facts.threads = fields[Threads];
  facts.start_time_seconds =
      std::round((boot_time_seconds + fields[StartTime] / ticks) * 100) / 100;
  facts.virtual_memory_bytes = fields[Vsize];
  facts.resident_memory_bytes = fields[Rss] * page_bytes;
}

void read_fds(const std::string& directory, ProcessFacts& facts) {
  std::error_code error;
  std::filesystem::directory_iterator fd(directory + "/fd", error);
  double count = 0;
  for (; !error && fd != std::filesystem::directory_iterator(); fd.increment(error)) ++count;
  if (!error) facts.open_fds = count;
}

void read_limits(const std::string& directory, ProcessFacts& facts) {
  constexpr std::string_view kRow = "Max open files";
  const std::string limits = content_of(directory + "/limits");
  const size_t row = limits.find(kRow);
  if (row == std::string::npos) return;
  std::istringstream rest(limits.substr(row + kRow.size()));
  std::string soft;
  rest >> soft;
  if (const auto number = parse_number<uint64_t>(soft))
    facts.max_fds = static_cast<double>(*number);
}

}  // namespace

ProcessReader::ProcessReader()
    : boot_time_seconds_(seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME)) {}

ProcessFacts ProcessReader::read(std::string name, pid_t pid) const {
  const std::string directory = "/proc/" + std::to_string(pid);
  ProcessFacts facts{.process = std::move(name)};
  read_stat(directory, boot_time_seconds_, facts);
  read_fds(directory, facts);
  read_limits(directory, facts);
  return facts;
}

}  // namespace sockherd::api
