// Report: what a load has come to, summed up over all its processes, and what there is to say
// about it. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "admin/load/board.h"
#include "admin/load/machine.h"
#include "admin/load/plan.h"
#include "admin/load/tally.h"

namespace sockherd::load {

// The sums of all processes at one moment.
struct Sample {
  double seconds = 0;  // since the first connection was begun
  uint64_t open = 0;
  uint64_t attempts = 0;
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t echoed = 0;
  uint64_t failures = 0;
};
Sample sum_of(std::span<const Tally> tallies, double seconds);

struct Progress {
  Phase phase = Phase::Open;
  double phase_seconds = 0;  // so long it has lasted
  Sample now;
  Sample before;  // a second earlier
};

struct Quantile {
  double share;
  std::string_view name;
};
inline constexpr Quantile kQuantiles[] = {{0.5, "p50"},        {0.75, "p75"},    {0.9, "p90"},
                                          {0.99, "p99"},       {0.999, "p99.9"}, {0.9999, "p99.99"},
                                          {0.99999, "p99.999"}};

struct Counted {
  std::string name;
  uint64_t count = 0;
};

struct Report {
  Plan plan;
  bool is_interrupted = false;
  double open_seconds = 0;  // until all were open, or had failed
  double run_seconds = 0;   // until the last answer
  double echo_seconds = 0;
  uint64_t counts[kCounts] = {};
  uint64_t open_at_run = 0;       // connections, when the run began
  uint64_t open_at_end = 0;       // and when it was over
  std::vector<Counted> failures;  // only those that happened
  std::vector<Counted> statuses;
  std::vector<Counted> closes;
  std::unique_ptr<Histogram> latency = std::make_unique<Histogram>();
  std::unique_ptr<Histogram> connects = std::make_unique<Histogram>();
  std::unique_ptr<Histogram> slips = std::make_unique<Histogram>();
  double busiest_cpu = 0;  // of a core, of the busiest process, while load was made
  double all_cpu = 0;      // cores, of all of them
  std::vector<Sample> samples;
  std::vector<Finding> findings;  // of the machine

  uint64_t get(Count what) const { return counts[static_cast<size_t>(what)]; }
  double rate() const;  // answers a second
  uint64_t failed() const;
  // Of a room: messages that should have come to all.
  uint64_t expected() const;
  uint64_t missing() const;
};

// Sums the tallies up; the processes have ended.
void sum_up(Report& report, std::span<const Tally> tallies);

// What makes the numbers those of the client, or worth less than they look.
std::vector<std::string> caveats(const Report& report);

// All of it, for people.
std::string view(const Report& report);

// "12,345", "1.23 ms", "4.5 MiB"
std::string grouped(uint64_t number);
std::string human_time(double nanoseconds);
std::string human_bytes(double bytes);

}  // namespace sockherd::load
