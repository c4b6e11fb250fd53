// The verbs bench http and bench ws: load, with a bar that shows how far it is, and its report.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <utility>

#include "admin/ctl/actions.h"
#include "admin/ctl/bench_plan.h"
#include "admin/ctl/exit_code.h"
#include "admin/ctl/json.h"
#include "admin/load/bounds.h"
#include "admin/load/conductor.h"
#include "admin/load/picture.h"
#include "daemon/sys/resources.h"

namespace sockherd::ctl {
namespace {

using load::Count;
using load::Histogram;
using load::Phase;
using load::Plan;
using load::Progress;
using load::Report;

// More than that of all requests or connections is a failure, unless --fail-on says otherwise.
constexpr const char* kUsualBounds = "errors>1%";

Json times(const Histogram& histogram) {
  Json json = {{"count", histogram.count()}, {"min", histogram.min()}, {"mean", histogram.mean()}};
  for (const load::Quantile& quantile : load::kQuantiles) {
    json[std::string(quantile.name)] = histogram.at(quantile.share);
  }
  json["max"] = histogram.max();
  return json;
}

Json counted_json(const std::vector<load::Counted>& list) {
  Json json = Json::object();
  for (const load::Counted& one : list) json[one.name] = one.count;
  return json;
}

Json samples_json(const Report& report) {
  Json json = Json::array();
  for (const load::Sample& sample : report.samples) {
    json.push_back({{"seconds", sample.seconds},
                    {"open", sample.open},
                    {"sent", sample.sent},
                    {"answered", sample.answered},
                    {"errors", sample.failures}});
  }
  return json;
}

Json report_json(const Report& report) {
  const Plan& plan = report.plan;
  return {{"url", plan.target.url},
          {"connections",
           {{"wanted", plan.connections},
            {"attempts", report.get(Count::Attempts)},
            {"opened", report.get(Count::Opened)},
            {"open_at_run", report.open_at_run},
            {"open_at_end", report.open_at_end},
            {"ended", report.get(Count::Ended)},
            {"seconds", report.open_seconds},
            {"time_ns", times(*report.connects)}}},
          {"processes", plan.processes},
          {"sources", plan.sources.text()},
          {"rate_wanted", plan.rate},
          {"interrupted", report.is_interrupted},
          {"sent", report.get(Count::Sent)},
          {"answered", report.get(Count::Answered)},
          {"unsent", report.get(Count::Unsent)},
          {"lost", report.get(Count::Lost)},
          {"expected", report.expected()},
          {"missing", report.missing()},
          {"echoed", report.get(Count::Echoed)},
          {"seconds", report.run_seconds},
          {"echo_seconds", report.echo_seconds},
          {"rate", report.rate()},
          {"bytes_sent", report.get(Count::BytesSent)},
          {"bytes_received", report.get(Count::BytesReceived)},
          {"errors", report.failed()},
          {"errors_by_kind", counted_json(report.failures)},
          {"statuses", counted_json(report.statuses)},
          {"closes", counted_json(report.closes)},
          {"latency_ns", times(*report.latency)},
          {"slip_ns", times(*report.slips)},
          {"client_cpu", {{"all", report.all_cpu}, {"busiest", report.busiest_cpu}}},
          {"notes", load::caveats(report)},
          {"samples", samples_json(report)}};
}

Result<void> write_file(const Request& request, const std::string& flag, const std::string& text) {
  const auto at = request.values.find(flag);
  if (at == request.values.end()) return {};
  std::ofstream file(at->second, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return failure(Exit::Failed, "cannot write " + printable(at->second));
}

double share_done(const Plan& plan, const Progress& progress) {
  const auto part = [](uint64_t done, uint64_t all) {
    return all == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(all);
  };
  switch (progress.phase) {
    case Phase::Open:
      return part(progress.now.open + progress.now.failures, plan.connections);
    case Phase::Run:
      return progress.phase_seconds / std::chrono::duration<double>(plan.duration).count();
    case Phase::Echo:
      return part(progress.now.echoed, progress.now.open);
    case Phase::Close:
      break;
  }
  return 1;
}

std::string name_of(Phase phase) {
  switch (phase) {
    case Phase::Open:
      return "connect";
    case Phase::Run:
      return "run";
    case Phase::Echo:
      return "echo";
    case Phase::Close:
      break;
  }
  return "close";
}

std::string facts(const Progress& progress) {
  const double seconds = progress.now.seconds - progress.before.seconds;
  const auto rate = [seconds](uint64_t now, uint64_t before) {
    const double come = static_cast<double>(now) - static_cast<double>(before);
    return seconds > 0 && come > 0 ? static_cast<uint64_t>(come / seconds) : 0;
  };
  const uint64_t answers = rate(progress.now.answered, progress.before.answered);
  std::string text = load::grouped(progress.now.open) + " open";
  if (progress.phase == Phase::Open) {
    text += ", " + load::grouped(rate(progress.now.open, progress.before.open)) + "/s";
  } else {
    text += ", " + load::grouped(answers) + " answers/s";
  }
  if (progress.now.failures > 0) text += ", " + load::grouped(progress.now.failures) + " errors";
  return text;
}

// On a terminal a bar that is drawn over and over, else a line every few seconds and for each
// phase.
class Display {
 public:
  Display(const Plan& plan, Answer& answer)
      : plan_(plan), answer_(answer), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

  void show(const Progress& progress) {
    constexpr double kBetweenLines = 5;
    const bool is_news = std::exchange(phase_, progress.phase) != progress.phase;
    const bool is_time = progress.now.seconds - shown_at_ >= kBetweenLines;
    if (!is_terminal_ && !is_news && !is_time) return;
    shown_at_ = progress.now.seconds;
    char line[200];
    const double share = std::min(share_done(plan_, progress), 1.0);
    const auto full = static_cast<size_t>(share * kBar);
    const std::string bar = std::string(full, '#') + std::string(kBar - full, '.');
    std::snprintf(line, sizeof line, "%-7s [%s] %3.0f %%  %s", name_of(progress.phase).c_str(),
                  bar.c_str(), share * 100, facts(progress).c_str());
    answer_.remarks = is_terminal_ ? "\r\x1b[K" + std::string(line) : std::string(line) + "\n";
    (void)answer_.flush(answer_);
  }

  void clear() {
    if (is_terminal_) answer_.remarks = "\r\x1b[K";
    (void)answer_.flush(answer_);
  }

 private:
  static constexpr size_t kBar = 24;

  const Plan& plan_;
  Answer& answer_;
  bool is_terminal_;
  double shown_at_ = 0;
  Phase phase_ = Phase::Open;
};

Result<void> judge(const Report& report, const std::vector<load::Bound>& bounds) {
  if (report.is_interrupted && report.get(Count::Opened) == 0) return {};
  if (const std::string why = load::futility(report); !why.empty()) {
    return failure(Exit::Failed, why);
  }
  const std::vector<std::string> reasons = load::broken(bounds, report);
  return reasons.empty() ? Result<void>() : failure(Exit::Failed, joined(reasons, "; "));
}

Result<void> bench(const Request& request, load::Protocol protocol, Answer& answer) {
  const auto wanted = request.values.find("--fail-on");
  Result<std::vector<load::Bound>> bounds =
      load::parse_bounds(wanted == request.values.end() ? kUsualBounds : wanted->second);
  if (!bounds.ok()) return failure(Exit::Usage, "--fail-on: " + printable(bounds.error().what));
  TRY(sys::raise_descriptor_limit());
  const Plan plan = TRY(plan_of(request, protocol));
  Display display(plan, answer);
  Result<Report> report =
      load::conduct(plan, [&display](const Progress& progress) { display.show(progress); });
  display.clear();
  if (!report.ok()) return failure(Exit::Failed, report.error().what);
  const Json json = report_json(report.value());
  answer.data = request.json ? dump(json) : load::view(report.value());
  TRY(write_file(request, "--save", dump(json)));
  TRY(write_file(request, "--svg", load::draw(report.value())));
  return judge(report.value(), bounds.value());
}

}  // namespace

Result<void> bench_http(const Request& request, Answer& answer) {
  return bench(request, load::Protocol::Http, answer);
}

Result<void> bench_web_socket(const Request& request, Answer& answer) {
  return bench(request, load::Protocol::WebSocket, answer);
}

}  // namespace sockherd::ctl
