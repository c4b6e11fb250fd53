// THE metric table: every family that /metrics serves, in the order in which it serves them.
//
// What a family is called, what it means and where its values come from stands here and nowhere
// else; collector.cc turns rows into samples, `sockherd-admin --list-metrics` prints them for the
// check against sockherd-metrics(7). Names follow the Prometheus practices: base units, `_total` on
// counters only, slots as labels and never pids, so that the number of series does not grow when
// workers come and go. Every series of a pool exists from its first scrape on, at 0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/stats/page.h"

namespace sockherd::metrics {

enum class Type : uint8_t { Counter, Gauge, Histogram };
std::string_view type_name(Type type);

// Where the values of a family come from.
enum class Source : uint8_t {
  Build,            // compiled in
  Scrape,           // the scrape itself
  Status,           // `key` of GetStatus
  Pool,             // `key` of each pool in ListPools
  Events,           // CountEvents
  PoolParts,        // `parts` by key of each pool in ListPools
  Worker,           // `key` of the newest worker of each slot in ListWorkers; 0 where there is none
  Listener,         // `key` of each socket in ListListeners
  ListenerBalance,  // what chooses a socket, of each TCP listener in ListListeners
  Upstream,         // `key` of each slot in ListUpstreams
  UpstreamQueue,    // `key` of each upstream in ListUpstreams
  SlotCount,        // `count` of each slot's statistics pages
  SlotOpen,         // accepted - closed of each slot's statistics pages
  PoolCount,        // `count` summed over a pool's statistics pages
  PoolCountParts,   // `parts` by count, summed over a pool's statistics pages
  PoolGauge,        // what is begun and not ended: `count`, of a pool's statistics pages
  PoolLatency,      // the latency histogram of a pool's statistics pages
  Process,          // `key` of ProcessFacts
  Log,              // lines logged by supervisor and admin
  AdminResponses,   // AdminCounts: by status class
  AdminRefused,     // AdminCounts: by reason
  AdminOpen,        // AdminCounts: connections
  AdminTurnedAway   // AdminCounts: connections_refused
};
std::string_view source_name(Source source);

// One series of a family that has a further label: its value, and where its number comes from.
struct Part {
  std::string_view label_value;
  std::string_view key;
  stats::Count count = stats::Count::Requests;
};

struct Metric {
  std::string_view name;
  Type type;
  std::string_view unit;    // "seconds", "bytes", or "" for plain numbers
  std::string_view labels;  // comma-separated, in the order of the samples
  std::string_view help;
  Source source;
  std::string_view key = "";
  stats::Count count = stats::Count::Requests;
  std::span<const Part> parts = {};
};

std::span<const Metric> table();

// Upper bounds of the exported latency buckets, in nanoseconds; each is also a bound of
// stats::Histogram, so that no count is an estimate.
std::span<const uint64_t> latency_bounds_ns();

// The table for people and scripts: name, type, unit, labels, source, help, separated by tabs.
std::string describe_table();

}  // namespace sockherd::metrics
