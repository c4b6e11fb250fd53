#include "admin/load/report.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace sockherd::load {
namespace {

constexpr double kBusy = 0.9;            // of a core: a process that has no time to spare
constexpr uint64_t kLateNs = 2'000'000;  // a send that is later than this is told of

uint64_t sum(std::span<const Tally> tallies, Count what) {
  uint64_t total = 0;
  for (const Tally& tally : tallies) total += tally.get(what);
  return total;
}

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
  std::va_list arguments;
  va_start(arguments, pattern);
  char text[512];
  // va_start is a builtin that the analyzer of clang 14 does not see through here.
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized)
  const int size = std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return {text, std::min(static_cast<size_t>(std::max(size, 0)), sizeof text - 1)};
}

std::string close_name(size_t place) {
  return place < Tally::kCloseCodes - 1 ? std::to_string(1000 + place) : "other";
}

const char* things(const Report& report) {
  return report.plan.protocol == Protocol::Http ? "requests" : "messages";
}

}  // namespace

Sample sum_of(std::span<const Tally> tallies, double seconds) {
  Sample sample;
  sample.seconds = seconds;
  sample.open = sum(tallies, Count::Open);
  sample.attempts = sum(tallies, Count::Attempts);
  sample.sent = sum(tallies, Count::Sent);
  sample.answered = sum(tallies, Count::Answered);
  sample.echoed = sum(tallies, Count::Echoed);
  for (const Tally& tally : tallies) {
    for (size_t i = 0; i < kFailures; ++i) sample.failures += tally.get(static_cast<Failure>(i));
  }
  return sample;
}

double Report::rate() const {
  return run_seconds > 0 ? static_cast<double>(get(Count::Answered)) / run_seconds : 0;
}

uint64_t Report::failed() const {
  uint64_t total = 0;
  for (const Counted& failure : failures) total += failure.count;
  return total;
}

uint64_t Report::expected() const {
  return plan.task == Task::Listen ? get(Count::Sent) * open_at_run : get(Count::Sent);
}

uint64_t Report::missing() const {
  return expected() - std::min(expected(), get(Count::Answered));
}

void sum_up(Report& report, std::span<const Tally> tallies) {
  for (size_t i = 0; i < kCounts; ++i) report.counts[i] = sum(tallies, static_cast<Count>(i));
  const auto add = [&](std::vector<Counted>& to, std::string name, auto count_of) {
    uint64_t total = 0;
    for (const Tally& tally : tallies) total += count_of(tally);
    if (total > 0) to.push_back({std::move(name), total});
  };
  for (size_t i = 0; i < kFailures; ++i) {
    const auto failure = static_cast<Failure>(i);
    add(report.failures, std::string(name_of(failure)),
        [failure](const Tally& tally) { return tally.get(failure); });
  }
  for (size_t i = 0; i < Tally::kStatuses; ++i) {
    add(report.statuses, std::to_string(i), [i](const Tally& tally) { return tally.status(i); });
  }
  for (size_t i = 0; i < Tally::kCloseCodes; ++i) {
    add(report.closes, close_name(i), [i](const Tally& tally) { return tally.close(i); });
  }
  const double wall_us = std::chrono::duration<double, std::micro>(report.plan.duration).count();
  for (const Tally& tally : tallies) {
    report.latency->merge(tally.latency);
    report.connects->merge(tally.connects);
    report.slips->merge(tally.slips);
    const double cpu = static_cast<double>(tally.get(Count::CpuUs)) / wall_us;
    report.busiest_cpu = std::max(report.busiest_cpu, cpu);
    report.all_cpu += cpu;
  }
}

std::vector<std::string> caveats(const Report& report) {
  std::vector<std::string> list;
  if (report.is_interrupted) list.push_back("interrupted: this is what there was by then");
  if (report.busiest_cpu > kBusy) {
    list.push_back(
        format("a process of the load was busy for %.0f %% of the time: this measures "
               "the client as much as the server (--processes, another machine)",
               report.busiest_cpu * 100));
  }
  const Histogram& slips = *report.slips;
  if (slips.count() > 0 && slips.at(0.99) > kLateNs) {
    list.push_back("the schedule slipped: 1 % of what was sent left more than " +
                   human_time(static_cast<double>(slips.at(0.99))) +
                   " late though a connection was free; the latencies contain that");
  }
  const uint64_t unsent = report.get(Count::Unsent);
  if (unsent > 0 && report.get(Count::Opened) > 0) {
    list.push_back(grouped(unsent) + " " + things(report) +
                   " were due and found no free connection before the end: the server is slower "
                   "than the rate, and the latencies leave them out");
  }
  if (const uint64_t lost = report.get(Count::Lost); lost > 0) {
    list.push_back(grouped(lost) +
                   " answers were lost with their connections; the latencies leave "
                   "them out");
  }
  for (const Finding& finding : report.findings) {
    list.push_back(finding.what + " (" + finding.remedy + ")");
  }
  return list;
}

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string human_time(double nanoseconds) {
  if (nanoseconds < 1e3) return format("%.0f ns", nanoseconds);
  if (nanoseconds < 1e6) return format("%.3g us", nanoseconds / 1e3);
  if (nanoseconds < 1e9) return format("%.3g ms", nanoseconds / 1e6);
  return format(nanoseconds < 1e12 ? "%.3g s" : "%.0f s", nanoseconds / 1e9);
}

std::string human_bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit) bytes /= 1024;
  return format(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
}

namespace {

std::string fact(const std::string& name, const std::string& value) {
  std::string line = "  " + name;
  line.resize(std::max(line.size() + 1, size_t{17}), ' ');
  return line + value + "\n";
}

std::string listed(const std::vector<Counted>& list) {
  std::string text;
  for (const Counted& one : list) {
    text += (text.empty() ? "" : ", ") + one.name + " " + grouped(one.count);
  }
  return text;
}

std::string head(const Report& report) {
  const Plan& plan = report.plan;
  std::string text = plan.target.url + ", " + grouped(plan.connections) + " connections of " +
                     std::to_string(plan.processes) +
                     (plan.processes == 1 ? " process" : " processes");
  if (!plan.sources.is_any()) text += " from " + plan.sources.text();
  if (plan.task == Task::Hold) return text + ", held\n";
  if (plan.task == Task::Listen) text += ", " + grouped(plan.senders) + " of them send";
  return text + (plan.rate > 0 ? ", " + format("%g", plan.rate) + " a second by schedule\n"
                               : ", each " + std::string(plan.protocol == Protocol::Http
                                                             ? "request after the last answer\n"
                                                             : "message after the last echo\n"));
}

std::string distribution(const Histogram& histogram) {
  std::string line;
  for (const double share : {0.5, 0.99, 1.0}) {
    line += (line.empty() ? "p50 "
             : share < 1  ? ", p99 "
                          : ", max ") +
            human_time(static_cast<double>(histogram.at(share)));
  }
  return line;
}

std::string connections(const Report& report) {
  std::string text = fact("connections", grouped(report.get(Count::Opened)) + " opened of " +
                                             grouped(report.get(Count::Attempts)) + " in " +
                                             human_time(report.open_seconds * 1e9) + ", " +
                                             grouped(report.open_at_end) + " open at the end");
  if (report.connects->count() > 0) text += fact("  to open", distribution(*report.connects));
  if (const uint64_t ended = report.get(Count::Ended); ended > 0) {
    text += fact("  ended", grouped(ended) + " by the server");
  }
  return text;
}

std::string traffic(const Report& report) {
  std::string text;
  if (report.get(Count::Sent) == 0 && report.get(Count::Answered) == 0) return text;
  const double seconds = std::max(report.run_seconds, 1e-9);
  text += fact(things(report), grouped(report.get(Count::Sent)) + " sent, " +
                                   grouped(report.get(Count::Answered)) +
                                   (report.plan.task == Task::Listen ? " received" : " answered") +
                                   " in " + format("%.2f s", report.run_seconds));
  if (report.plan.task != Task::Hold) {
    text += fact("rate", grouped(static_cast<uint64_t>(report.rate())) + " a second");
  }
  text += fact("bytes",
               human_bytes(static_cast<double>(report.get(Count::BytesSent))) + " out, " +
                   human_bytes(static_cast<double>(report.get(Count::BytesReceived))) + " in, " +
                   human_bytes(static_cast<double>(report.get(Count::BytesReceived)) / seconds) +
                   " a second");
  if (report.plan.task == Task::Listen) {
    text += fact("missing", grouped(report.missing()) + " of " + grouped(report.expected()));
  }
  if (report.plan.echoes_at_end) {
    text +=
        fact("echoes", grouped(report.get(Count::Echoed)) + " of " + grouped(report.open_at_run) +
                           " at the end, in " + format("%.2f s", report.echo_seconds));
  }
  return text;
}

std::string latencies(const Histogram& latency) {
  if (latency.count() == 0) return "";
  std::string text = "\n  latency\n";
  const auto row = [&](std::string_view name, double value, const std::string& more) {
    text += format("    %-8.*s %10s%s\n", static_cast<int>(name.size()), name.data(),
                   human_time(value).c_str(), more.c_str());
  };
  row("min", static_cast<double>(latency.min()), "");
  row("mean", latency.mean(), "");
  for (const Quantile& quantile : kQuantiles) {
    const uint64_t value = latency.at(quantile.share);
    row(quantile.name, static_cast<double>(value),
        format("   %s slower", grouped(latency.above(value)).c_str()));
  }
  row("max", static_cast<double>(latency.max()), "");
  return text;
}

}  // namespace

std::string view(const Report& report) {
  std::string text = head(report) + "\n" + connections(report) + traffic(report);
  if (!report.statuses.empty()) text += fact("statuses", listed(report.statuses));
  if (!report.closes.empty()) text += fact("closes", listed(report.closes));
  text += fact("errors", report.failures.empty() ? "none" : listed(report.failures));
  text += fact("client", format("%.0f %% of a core in all, %.0f %% the busiest process",
                                report.all_cpu * 100, report.busiest_cpu * 100));
  text += latencies(*report.latency);
  const std::vector<std::string> notes = caveats(report);
  if (!notes.empty()) text += "\n";
  for (const std::string& note : notes) text += "  note: " + note + "\n";
  return text;
}

}  // namespace sockherd::load
