// Snapshot: everything one scrape is made from, gathered beforehand, as plain data.
//
// The dictionaries are the supervisor's replies as they came (keys: daemon/bus/interface.h), the
// totals were read from the statistics pages. Gathering is admin/api/gatherer.h; nothing here
// touches the bus, a descriptor or a clock, so a scrape is a function of its snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/bus/dictionary.h"
#include "daemon/stats/segment.h"

namespace sockherd::metrics {

// What /proc tells of one process. A value that could not be read stays empty and its series is
// left out: no number is better than a wrong one.
struct ProcessFacts {
  std::string process;  // value of the label: supervisor, admin
  std::optional<double> cpu_seconds;
  std::optional<double> start_time_seconds;
  std::optional<double> resident_memory_bytes;
  std::optional<double> virtual_memory_bytes;
  std::optional<double> threads;
  std::optional<double> open_fds;
  std::optional<double> max_fds;
};

// Why the access rules turned a request away; the label values stand in the metric table.
enum class Refused : uint8_t { Host, Origin, FetchSite, Upgrade, ContentType };
inline constexpr size_t kRefusedReasons = 5;

// What the admin server counts of itself.
struct AdminCounts {
  std::array<uint64_t, 6> responses{};  // by the first digit of the status; 0 and 1 stay unused
  std::array<uint64_t, kRefusedReasons> refused{};
  uint64_t connections = 0;  // open now
  uint64_t connections_refused = 0;
  uint64_t log_warnings = 0;
  uint64_t log_errors = 0;
};

struct Snapshot {
  bus::Dictionary status;
  std::vector<bus::Dictionary> pools;
  std::vector<bus::Dictionary> workers;
  std::vector<bus::Dictionary> listeners;
  std::vector<bus::Dictionary> upstreams;
  bus::Dictionary event_counts;
  // By pool, then by slot. Pools without statistics pages (other programs as workers) are missing.
  std::map<std::string, std::vector<stats::Totals>> traffic;
  std::vector<ProcessFacts> processes;
  AdminCounts admin;
  double gather_seconds = 0;  // how long this snapshot took
};

}  // namespace sockherd::metrics
