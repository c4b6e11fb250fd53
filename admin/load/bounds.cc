#include "admin/load/bounds.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace sockherd::load {
namespace {

constexpr std::string_view kCounts[] = {"errors", "missing", "unsent", "unopened"};

struct Scale {
  std::string_view unit;
  double factor;
  Bound::Unit kind;
};
constexpr Scale kScales[] = {
    {"", 1, Bound::Unit::Count},           {"%", 0.01, Bound::Unit::Share},
    {"ns", 1, Bound::Unit::Nanoseconds},   {"us", 1e3, Bound::Unit::Nanoseconds},
    {"ms", 1e6, Bound::Unit::Nanoseconds}, {"s", 1e9, Bound::Unit::Nanoseconds}};

const Quantile* quantile_of(std::string_view name) {
  for (const Quantile& quantile : kQuantiles) {
    if (quantile.name == name) return &quantile;
  }
  return nullptr;
}

bool is_time(std::string_view name) {
  return name == "max" || name == "mean" || quantile_of(name) != nullptr;
}

bool is_count(std::string_view name) {
  return std::find(std::begin(kCounts), std::end(kCounts), name) != std::end(kCounts);
}

// Whether a bound on `what` may have that unit.
bool fits(std::string_view what, Bound::Unit unit) {
  if (is_time(what)) return unit == Bound::Unit::Nanoseconds;
  if (what == "rate") return unit == Bound::Unit::Count;
  return is_count(what) && unit != Bound::Unit::Nanoseconds;
}

std::optional<Bound> parse_bound(std::string_view text) {
  const size_t sign = text.find_first_of("<>");
  if (sign == std::string_view::npos) return std::nullopt;
  Bound bound;
  bound.text = text;
  bound.what = text.substr(0, sign);
  bound.is_most = text[sign] == '>';
  const std::string_view value = text.substr(sign + 1);
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, bound.value);
  if (error != std::errc{} || bound.value < 0) return std::nullopt;
  const std::string_view unit(stop, static_cast<size_t>(end - stop));
  for (const Scale& scale : kScales) {
    if (scale.unit != unit) continue;
    bound.value *= scale.factor;
    bound.unit = scale.kind;
    return fits(bound.what, bound.unit) ? std::optional(bound) : std::nullopt;
  }
  return std::nullopt;
}

double measured(const Bound& bound, const Report& report) {
  if (bound.what == "max") return static_cast<double>(report.latency->max());
  if (bound.what == "mean") return report.latency->mean();
  if (const Quantile* quantile = quantile_of(bound.what)) {
    return static_cast<double>(report.latency->at(quantile->share));
  }
  if (bound.what == "rate") return report.rate();
  uint64_t count = report.failed();
  uint64_t of = report.get(Count::Sent) + report.get(Count::Attempts);
  if (bound.what == "missing") {
    count = report.missing();
    of = report.expected();
  } else if (bound.what == "unsent") {
    count = report.get(Count::Unsent);
    of = count + report.get(Count::Sent);
  } else if (bound.what == "unopened") {
    count = report.plan.connections - std::min(report.plan.connections, report.open_at_run);
    of = report.plan.connections;
  }
  if (bound.unit == Bound::Unit::Count) return static_cast<double>(count);
  return of == 0 ? 0 : static_cast<double>(count) / static_cast<double>(of);
}

std::string said(const Bound& bound, double value) {
  if (bound.unit == Bound::Unit::Nanoseconds) return human_time(value);
  if (bound.unit == Bound::Unit::Share) return std::to_string(value * 100) + " %";
  return grouped(static_cast<uint64_t>(value));
}

}  // namespace

Result<std::vector<Bound>> parse_bounds(std::string_view text) {
  std::vector<Bound> bounds;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, comma);
    const std::optional<Bound> bound = parse_bound(one);
    if (!bound) {
      return Error{EINVAL,
                   "\"" + std::string(one) +
                       "\" is no bound: expected one of p50, p75, p90, p99, p99.9, p99.99, "
                       "p99.999, max, mean (with ns, us, ms or s), rate, errors, missing, unsent, "
                       "unopened (these with % too), then > or <, then a number, as p99>5ms"};
    }
    bounds.push_back(*bound);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return bounds;
}

std::vector<std::string> broken(const std::vector<Bound>& bounds, const Report& report) {
  std::vector<std::string> list;
  for (const Bound& bound : bounds) {
    const double value = measured(bound, report);
    const bool is_broken = bound.is_most ? value > bound.value : value < bound.value;
    if (is_broken) list.push_back(bound.text + ": it is " + said(bound, value));
  }
  return list;
}

std::string futility(const Report& report) {
  if (report.get(Count::Opened) == 0) return "no connection could be opened";
  if (report.get(Count::Sent) > 0 && report.get(Count::Answered) == 0)
    return "nothing was answered";
  return "";
}

}  // namespace sockherd::load
