#include "admin/metrics/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>
#include <string>

#include "admin/metrics/table.h"
#include "admin/metrics/text_format.h"
#include "tests/unit/admin/api/fleet_data.h"

namespace sockherd::metrics {
namespace {

using api::test_listener;
using api::test_pool;
using api::test_status;
using api::test_worker;
using testing::HasSubstr;
using testing::Not;

std::vector<stats::Totals> traffic_of(size_t slots) {
  std::vector<stats::Totals> traffic(slots);
  for (size_t slot = 0; slot < slots; ++slot) {
    auto& counts = traffic[slot].counts;
    counts[static_cast<size_t>(stats::Count::Requests)] = 100 + slot;
    counts[static_cast<size_t>(stats::Count::ConnectionsAccepted)] = 10;
    counts[static_cast<size_t>(stats::Count::ConnectionsClosed)] = 3;
    counts[static_cast<size_t>(stats::Count::Responses2xx)] = 90;
    counts[static_cast<size_t>(stats::Count::HeadTooLarge)] = 2;
  }
  return traffic;
}

Snapshot snapshot_of(size_t slots) {
  Snapshot snapshot;
  snapshot.status = test_status();
  snapshot.pools = {test_pool("web", slots, slots), test_pool("api", 2, 2, {"node", "server.js"})};
  for (size_t slot = 0; slot < slots; ++slot) {
    snapshot.workers.push_back(test_worker("web", slot, 3));
    snapshot.listeners.push_back(test_listener("web", slot));
  }
  snapshot.traffic["web"] = traffic_of(slots);
  snapshot.event_counts.set("worker-ready", uint64_t{12});
  snapshot.event_counts.set("worker-hung", uint64_t{0});
  snapshot.processes = {{.process = "admin", .cpu_seconds = 1.25, .threads = 1}};
  snapshot.gather_seconds = 0.001;
  return snapshot;
}

std::string text_of(const Snapshot& snapshot) {
  return to_text(Collector(snapshot).Collect());
}

size_t count_series(const std::string& text) {
  size_t series = 0;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) series += text[at] != '#';
  return series;
}

// The exit status of promtool, or nothing where it is not installed.
std::optional<int> promtool(const std::string& text) {
  if (std::system("command -v promtool >/dev/null") != 0) return std::nullopt;
  std::FILE* pipe = ::popen("promtool check metrics", "w");
  std::fwrite(text.data(), 1, text.size(), pipe);
  return WEXITSTATUS(::pclose(pipe));
}

// A worker with threads has a socket for each; a series twice would make the whole scrape invalid.
TEST(Collector, AddsTheSocketsOfASlotUp) {
  Snapshot snapshot = snapshot_of(1);
  snapshot.listeners = {snapshot.listeners.front(), snapshot.listeners.front()};
  const std::string text = text_of(snapshot);
  EXPECT_THAT(text, HasSubstr("accept_queue_length{listener=\"web\",slot=\"0\"} 4\n")) << "2 each";
  EXPECT_EQ(promtool(text).value_or(0), 0);
}

TEST(Collector, NamesEveryFamilyOnceInTheOrderOfTheTable) {
  const Snapshot snapshot = snapshot_of(2);
  const auto families = Collector(snapshot).Collect();
  ASSERT_EQ(families.size(), table().size());
  std::set<std::string> names;
  for (size_t i = 0; i < families.size(); ++i) {
    EXPECT_EQ(families[i].name, table()[i].name);
    EXPECT_TRUE(names.insert(families[i].name).second) << families[i].name << " twice";
  }
}

TEST(Collector, TakesEachValueFromItsSource) {
  const std::string text = text_of(snapshot_of(2));
  for (const char* line : {
           "sockherd_ready 1\n",
           "sockherd_start_time_seconds 1700000000.25\n",
           "sockherd_config_generation 3\n",
           "sockherd_config_last_reload_successful 1\n",
           "sockherd_config_last_reload_success_timestamp_seconds 1700090000\n",
           "sockherd_reloads_total 5\n",
           "sockherd_reload_failures_total 1\n",
           "sockherd_workers{pool=\"web\",state=\"ready\"} 2\n",
           "sockherd_workers{pool=\"web\",state=\"draining\"} 0\n",
           "sockherd_workers_desired{pool=\"api\"} 2\n",
           "sockherd_workers_adopted{pool=\"web\"} 0\n",
           "sockherd_old_generations{pool=\"api\"} 0\n",
           "sockherd_supervisor_starts_total 4\n",
           "sockherd_worker_adoptions_total 6\n",
           "sockherd_watchdog_withheld 0\n",
           "sockherd_events_total{event=\"worker-ready\"} 12\n",
           "sockherd_events_total{event=\"worker-hung\"} 0\n",
           "sockherd_worker_exits_total{pool=\"web\",reason=\"forced_out\"} 0\n",
           "sockherd_worker_starts_total{pool=\"web\"} 4\n",
           "sockherd_worker_exits_total{pool=\"web\",reason=\"signal\"} 1\n",
           "sockherd_worker_hangs_total{pool=\"web\",reason=\"queue\"} 0\n",
           "sockherd_worker_exits_total{pool=\"web\",reason=\"drain_timeout\"} 0\n",
           "sockherd_worker_connections{pool=\"web\",slot=\"1\"} 7\n",
           "sockherd_worker_connections_accepted_total{pool=\"web\",slot=\"0\"} 10\n",
           "sockherd_listener_accept_queue_length{listener=\"web\",slot=\"1\"} 2\n",
           "sockherd_listener_accept_queue_limit{listener=\"web\",slot=\"1\"} 4096\n",
           "sockherd_listener_balance_info{listener=\"web\",wanted=\"least-connections\","
           "in_force=\"hash\"} 1\n",
           "sockherd_http_requests_total{pool=\"web\",slot=\"1\"} 101\n",
           "sockherd_http_responses_total{pool=\"web\",code=\"2xx\"} 180\n",
           "sockherd_http_responses_total{pool=\"web\",code=\"5xx\"} 0\n",
           "sockherd_http_rejected_requests_total{pool=\"web\",reason=\"head_too_large\"} 4\n",
           "sockherd_log_messages_total{level=\"warning\",process=\"supervisor\"} 2\n",
           "sockherd_admin_requests_total{code=\"5xx\"} 0\n",
           "sockherd_admin_requests_refused_total{reason=\"origin\"} 0\n",
           "process_cpu_seconds_total{process=\"admin\"} 1.25\n",
           "sockherd_scrape_duration_seconds 0.001\n",
       })
    EXPECT_THAT(text, HasSubstr(line));
}

TEST(Collector, LeavesOutWhatNobodyCounted) {
  const std::string text = text_of(snapshot_of(1));
  EXPECT_THAT(text, Not(HasSubstr("http_requests_total{pool=\"api\"")));  // another program
  EXPECT_THAT(text, Not(HasSubstr("process_open_fds")));                  // could not be read
}

TEST(Collector, ShowsTheNewerOfTwoWorkersInASlot) {
  Snapshot snapshot = snapshot_of(1);
  snapshot.workers = {test_worker("web", 0, 4), test_worker("web", 0, 3, "draining")};
  EXPECT_THAT(text_of(snapshot),
              HasSubstr("sockherd_worker_generation{pool=\"web\",slot=\"0\"} 4"));
}

TEST(Collector, KeepsTheSeriesOfASlotWithoutAWorker) {
  Snapshot snapshot = snapshot_of(3);
  const size_t before = count_series(text_of(snapshot));
  snapshot.workers.clear();
  EXPECT_EQ(count_series(text_of(snapshot)), before);
  EXPECT_THAT(text_of(snapshot),
              HasSubstr("sockherd_worker_generation{pool=\"web\",slot=\"2\"} 0"));
}

TEST(Collector, ShowsOnlySlotsThatWereEverUsed) {
  Snapshot snapshot = snapshot_of(2);
  snapshot.traffic["web"] = traffic_of(1024);  // the segment has room for more
  EXPECT_THAT(text_of(snapshot), Not(HasSubstr("slot=\"2\"")));
  snapshot.traffic["web"] = traffic_of(1);  // and must not be read past its end
  EXPECT_THAT(text_of(snapshot), Not(HasSubstr("http_requests_total{pool=\"web\",slot=\"1\"")));
}

TEST(Collector, SortsLatenciesIntoExactBuckets) {
  Snapshot snapshot = snapshot_of(2);
  const auto observe = [&](size_t slot, uint64_t ns) {
    stats::Totals& totals = snapshot.traffic["web"][slot];
    ++totals.latency[stats::Histogram::bucket_of(ns)];
    totals.latency_sum_ns += ns;
  };
  observe(0, 500'000);  // on the bound: counts as up to it
  observe(1, 500'001);
  observe(0, 60'000'000'000);
  const std::string text = text_of(snapshot);
  const std::string name = "sockherd_http_request_duration_seconds";
  EXPECT_THAT(text, HasSubstr(name + "_bucket{pool=\"web\",le=\"0.0005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{pool=\"web\",le=\"0.001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{pool=\"web\",le=\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{pool=\"web\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(name + "_sum{pool=\"web\"} 60.001000001\n"));
  EXPECT_THAT(text, HasSubstr(name + "_count{pool=\"web\"} 3\n"));
}

TEST(Collector, PassesPromtoolInEveryState) {
  Snapshot strange = snapshot_of(1);
  strange.pools[0].set("name", std::string());
  strange.pools.push_back(test_pool("a\"b\\c\nd\xFF", 1, 1));
  const std::pair<const char*, Snapshot> kStates[] = {{"running", snapshot_of(4)},
                                                      {"no pools", Snapshot{}},
                                                      {"512 slots", snapshot_of(512)},
                                                      {"strange names", strange}};
  for (const auto& [name, snapshot] : kStates) {
    const auto status = promtool(text_of(snapshot));
    ASSERT_TRUE(status) << "promtool is missing: apt install prometheus";
    EXPECT_EQ(*status, 0) << name;
  }
}

// Prometheus practices that promtool does not know of.
TEST(Table, FollowsTheNamingRules) {
  for (const Metric& metric : table()) {
    const bool is_total = metric.name.ends_with("_total");
    EXPECT_EQ(is_total, metric.type == Type::Counter) << metric.name;
    EXPECT_TRUE(metric.name.starts_with("sockherd_") || metric.name.starts_with("process_"));
    EXPECT_TRUE(metric.unit.empty() || metric.name.find(metric.unit) != std::string_view::npos)
        << metric.name << " does not name its unit";
    EXPECT_TRUE(metric.help.ends_with('.')) << metric.name;
  }
}

TEST(Table, DescribesItselfInSixColumns) {
  const std::string description = describe_table();
  EXPECT_EQ(std::count(description.begin(), description.end(), '\n'),
            static_cast<ptrdiff_t>(table().size()));
  EXPECT_EQ(std::count(description.begin(), description.end(), '\t'),
            static_cast<ptrdiff_t>(5 * table().size()));
  EXPECT_THAT(description,
              HasSubstr("sockherd_workers\tgauge\t-\tpool,state\tListPools\tWorkers by state.\n"));
}

}  // namespace
}  // namespace sockherd::metrics
