#include "admin/metrics/collector.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "admin/metrics/table.h"
#include "daemon/base/version.h"

namespace sockherd::metrics {
namespace {

using bus::Dictionary;
using prometheus::ClientMetric;
using prometheus::MetricFamily;

constexpr double kNanosecondsPerSecond = 1e9;

// A number or a flag: GetStatus has both.
double value_of(const Dictionary& dictionary, std::string_view key) {
  if (dictionary.boolean(key)) return 1;
  return dictionary.number(key);
}

// One family under construction; knows the label names of its row.
class Family {
 public:
  explicit Family(const Metric& metric) : metric_(metric) {
    family_.name = metric.name;
    family_.help = metric.help;
    family_.type = type();
    split_labels();
  }

  // Adds one series. The label values are those of the row's labels, in their order.
  void add(double value, std::initializer_list<std::string_view> label_values = {}) {
    ClientMetric& sample = append(label_values);
    sample.counter.value = value;
    sample.gauge.value = value;
  }

  void add(ClientMetric::Histogram histogram, std::string_view label_value) {
    append({label_value}).histogram = std::move(histogram);
  }

  const Metric& metric() const { return metric_; }
  MetricFamily take() { return std::move(family_); }

 private:
  prometheus::MetricType type() const {
    switch (metric_.type) {
      case Type::Counter:
        return prometheus::MetricType::Counter;
      case Type::Gauge:
        return prometheus::MetricType::Gauge;
      case Type::Histogram:
        return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
  }

  void split_labels() {
    std::string_view rest = metric_.labels;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      labels_.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }

  ClientMetric& append(std::initializer_list<std::string_view> label_values) {
    SH_ASSERT(label_values.size() == labels_.size());
    ClientMetric& sample = family_.metric.emplace_back();
    sample.label.reserve(labels_.size());
    auto name = labels_.begin();
    for (const std::string_view value : label_values)
      sample.label.push_back({*name++, std::string(value)});
    return sample;
  }

  const Metric& metric_;
  std::vector<std::string> labels_;
  MetricFamily family_;
};

std::string compiler() {
#if defined(__clang__)
  return "clang " + std::to_string(__clang_major__) + "." + std::to_string(__clang_minor__);
#else
  return "gcc " + std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__);
#endif
}

void fill_pools(const Snapshot& snapshot, Family& family) {
  for (const Dictionary& pool : snapshot.pools)
    family.add(value_of(pool, family.metric().key), {pool.text("name")});
}

void fill_pool_parts(const Snapshot& snapshot, Family& family) {
  for (const Dictionary& pool : snapshot.pools) {
    const std::string name = pool.text("name");
    for (const Part& part : family.metric().parts)
      family.add(value_of(pool, part.key), {name, part.label_value});
  }
}

// The names are the supervisor's, which has one table of them.
void fill_events(const Snapshot& snapshot, Family& family) {
  for (const auto& [name, value] : snapshot.event_counts.entries())
    family.add(snapshot.event_counts.number(name), {name});
}

// While a worker is replaced, a slot has two: the newer one counts.
void fill_workers(const Snapshot& snapshot, Family& family) {
  for (const Dictionary& pool : snapshot.pools) {
    const std::string name = pool.text("name");
    std::vector<double> by_slot(pool.count("slots"), 0);
    for (const Dictionary& worker : snapshot.workers) {
      const uint64_t slot = worker.count("slot");
      if (slot >= by_slot.size() || worker.text("pool") != name) continue;
      by_slot[slot] = std::max(by_slot[slot], value_of(worker, family.metric().key));
    }
    for (size_t slot = 0; slot < by_slot.size(); ++slot)
      family.add(by_slot[slot], {name, std::to_string(slot)});
  }
}

// A slot has a socket for each thread of its worker.
void fill_listeners(const Snapshot& snapshot, Family& family) {
  std::map<std::pair<std::string, uint64_t>, double> sums;
  for (const Dictionary& listener : snapshot.listeners) {
    sums[{listener.text("name"), listener.count("slot")}] +=
        value_of(listener, family.metric().key);
  }
  for (const auto& [place, sum] : sums)
    family.add(sum, {place.first, std::to_string(place.second)});
}

void fill_upstreams(const Snapshot& snapshot, Family& family) {
  for (const Dictionary& place : snapshot.upstreams) {
    family.add(value_of(place, family.metric().key),
               {place.text("upstream"), std::to_string(place.count("slot"))});
  }
}

// All slots of an upstream say the same.
void fill_upstream_queues(const Snapshot& snapshot, Family& family) {
  std::set<std::string> seen;
  for (const Dictionary& place : snapshot.upstreams) {
    const std::string name = place.text("upstream");
    if (seen.insert(name).second) family.add(value_of(place, family.metric().key), {name});
  }
}

// All sockets of a listener say the same; Unix ones say nothing.
void fill_balance(const Snapshot& snapshot, Family& family) {
  std::set<std::string> seen;
  for (const Dictionary& listener : snapshot.listeners) {
    const std::string name = listener.text("name");
    const std::string wanted = listener.text("balance");
    if (wanted.empty() || !seen.insert(name).second) continue;
    family.add(1, {name, wanted, listener.text("balance_in_force")});
  }
}

// Calls visit(pool name, its slots' totals), for the slots that were ever used.
template <typename Visit>
void for_each_pool_with_traffic(const Snapshot& snapshot, const Visit& visit) {
  for (const Dictionary& pool : snapshot.pools) {
    const std::string name = pool.text("name");
    const auto found = snapshot.traffic.find(name);
    if (found == snapshot.traffic.end()) continue;
    const std::vector<stats::Totals>& all = found->second;
    visit(name, std::span(all).first(std::min<size_t>(pool.count("slots"), all.size())));
  }
}

void fill_slots(const Snapshot& snapshot, Family& family) {
  const Metric& metric = family.metric();
  for_each_pool_with_traffic(snapshot, [&](const std::string& pool, auto slots) {
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      const uint64_t value = metric.source == Source::SlotOpen ? slots[slot].open_connections()
                                                               : slots[slot].get(metric.count);
      family.add(static_cast<double>(value), {pool, std::to_string(slot)});
    }
  });
}

double sum_of(std::span<const stats::Totals> slots, stats::Count count) {
  uint64_t sum = 0;
  for (const stats::Totals& slot : slots) sum += slot.get(count);
  return static_cast<double>(sum);
}

void fill_pool_counts(const Snapshot& snapshot, Family& family) {
  for_each_pool_with_traffic(snapshot, [&](const std::string& pool, auto slots) {
    // Times are counted in microseconds.
    const double scale = family.metric().unit == "seconds" ? 1e-6 : 1;
    family.add(sum_of(slots, family.metric().count) * scale, {pool});
  });
}

uint64_t gauge_of(const stats::Totals& slot, stats::Count count) {
  switch (count) {
    case stats::Count::WebSocketsOpened:
      return slot.open_web_sockets();
    case stats::Count::BlockingQueued:
      return slot.blocking_queued();
    case stats::Count::BlockingStarted:
      return slot.blocking_running();
    case stats::Count::RemoteConnects:
      return slot.remote_connected();
    case stats::Count::RemoteQueued:
      return slot.remote_queued();
    case stats::Count::ProxyQueued:
      return slot.proxy_queued();
    case stats::Count::TunnelsOpened:
      return slot.open_tunnels();
    default:
      return slot.get(count);
  }
}

void fill_pool_gauges(const Snapshot& snapshot, Family& family) {
  for_each_pool_with_traffic(snapshot, [&](const std::string& pool, auto slots) {
    uint64_t sum = 0;
    for (const stats::Totals& slot : slots) sum += gauge_of(slot, family.metric().count);
    family.add(static_cast<double>(sum), {pool});
  });
}

void fill_pool_count_parts(const Snapshot& snapshot, Family& family) {
  for_each_pool_with_traffic(snapshot, [&](const std::string& pool, auto slots) {
    for (const Part& part : family.metric().parts)
      family.add(sum_of(slots, part.count), {pool, part.label_value});
  });
}

ClientMetric::Histogram latency_of(std::span<const stats::Totals> slots) {
  constexpr auto kAll = stats::Histogram::bounds();
  stats::Totals sum;
  for (const stats::Totals& slot : slots) sum.add(slot);
  ClientMetric::Histogram histogram;
  size_t bucket = 0;
  for (const uint64_t bound : latency_bounds_ns()) {
    for (; bucket < kAll.size() && kAll[bucket] <= bound; ++bucket)
      histogram.sample_count += sum.latency[bucket];
    histogram.bucket.push_back(
        {histogram.sample_count, static_cast<double>(bound) / kNanosecondsPerSecond});
  }
  for (; bucket < sum.latency.size(); ++bucket) histogram.sample_count += sum.latency[bucket];
  histogram.sample_sum = static_cast<double>(sum.latency_sum_ns) / kNanosecondsPerSecond;
  return histogram;
}

void fill_latency(const Snapshot& snapshot, Family& family) {
  for_each_pool_with_traffic(
      snapshot, [&](const std::string& pool, auto slots) { family.add(latency_of(slots), pool); });
}

std::optional<double> ProcessFacts::*process_member(std::string_view key) {
  if (key == "cpu_seconds") return &ProcessFacts::cpu_seconds;
  if (key == "start_time_seconds") return &ProcessFacts::start_time_seconds;
  if (key == "resident_memory_bytes") return &ProcessFacts::resident_memory_bytes;
  if (key == "virtual_memory_bytes") return &ProcessFacts::virtual_memory_bytes;
  if (key == "threads") return &ProcessFacts::threads;
  if (key == "open_fds") return &ProcessFacts::open_fds;
  SH_ASSERT(key == "max_fds");
  return &ProcessFacts::max_fds;
}

void fill_processes(const Snapshot& snapshot, Family& family) {
  const auto member = process_member(family.metric().key);
  for (const ProcessFacts& facts : snapshot.processes)
    if (facts.*member) family.add(*(facts.*member), {facts.process});
}

void fill_log(const Snapshot& snapshot, Family& family) {
  for (const Part& part : family.metric().parts) {
    const bool warning = part.label_value == "warning";
    const AdminCounts& own = snapshot.admin;
    const double value = part.key == "admin"
                             ? static_cast<double>(warning ? own.log_warnings : own.log_errors)
                             : snapshot.status.number(warning ? "log_warnings" : "log_errors");
    family.add(value, {part.label_value, part.key});
  }
}

void fill_admin_responses(const Snapshot& snapshot, Family& family) {
  for (const Part& part : family.metric().parts) {
    const auto status_class = static_cast<size_t>(part.label_value[0] - '0');
    family.add(static_cast<double>(snapshot.admin.responses[status_class]), {part.label_value});
  }
}

void fill_admin_refused(const Snapshot& snapshot, Family& family) {
  const std::span<const Part> parts = family.metric().parts;
  SH_ASSERT(parts.size() == kRefusedReasons);
  for (size_t i = 0; i < parts.size(); ++i)
    family.add(static_cast<double>(snapshot.admin.refused[i]), {parts[i].label_value});
}

void fill(const Snapshot& snapshot, Family& family) {
  switch (family.metric().source) {
    case Source::Build:
      return family.add(1, {kVersion, compiler()});
    case Source::Scrape:
      return family.add(snapshot.gather_seconds);
    case Source::Status:
      return family.add(value_of(snapshot.status, family.metric().key));
    case Source::Events:
      return fill_events(snapshot, family);
    case Source::Pool:
      return fill_pools(snapshot, family);
    case Source::PoolParts:
      return fill_pool_parts(snapshot, family);
    case Source::Worker:
      return fill_workers(snapshot, family);
    case Source::Listener:
      return fill_listeners(snapshot, family);
    case Source::ListenerBalance:
      return fill_balance(snapshot, family);
    case Source::Upstream:
      return fill_upstreams(snapshot, family);
    case Source::UpstreamQueue:
      return fill_upstream_queues(snapshot, family);
    case Source::SlotCount:
    case Source::SlotOpen:
      return fill_slots(snapshot, family);
    case Source::PoolCount:
      return fill_pool_counts(snapshot, family);
    case Source::PoolCountParts:
      return fill_pool_count_parts(snapshot, family);
    case Source::PoolGauge:
      return fill_pool_gauges(snapshot, family);
    case Source::PoolLatency:
      return fill_latency(snapshot, family);
    case Source::Process:
      return fill_processes(snapshot, family);
    case Source::Log:
      return fill_log(snapshot, family);
    case Source::AdminResponses:
      return fill_admin_responses(snapshot, family);
    case Source::AdminRefused:
      return fill_admin_refused(snapshot, family);
    case Source::AdminOpen:
      return family.add(static_cast<double>(snapshot.admin.connections));
    case Source::AdminTurnedAway:
      return family.add(static_cast<double>(snapshot.admin.connections_refused));
  }
}

}  // namespace

std::vector<prometheus::MetricFamily> Collector::Collect() const {
  std::vector<MetricFamily> families;
  for (const Metric& metric : table()) {
    Family family(metric);
    fill(snapshot_, family);
    families.push_back(family.take());
  }
  return families;
}

}  // namespace sockherd::metrics
