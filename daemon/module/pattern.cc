#include "daemon/module/pattern.h"

#include <algorithm>

namespace sockherd::module {
namespace {

Result<Segment> parse_segment(std::string_view text) {
  if (text.starts_with('*')) return Segment{Segment::Kind::Rest, std::string(text.substr(1))};
  if (!text.starts_with(':')) return Segment{Segment::Kind::Plain, std::string(text)};
  if (text.size() == 1) return Error{0, "\":\" needs a name behind it"};
  return Segment{Segment::Kind::Parameter, std::string(text.substr(1))};
}

}  // namespace

std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

Result<Pattern> Pattern::parse(std::string_view text) {
  const auto fault = [text](const std::string& what) {
    return Error{0, "the pattern \"" + std::string(text) + "\": " + what};
  };
  if (!text.starts_with('/')) return fault("it must begin with \"/\"");
  Pattern pattern{std::string(text), {}};
  while (!text.empty()) {
    if (!pattern.segments.empty() && pattern.segments.back().kind == Segment::Kind::Rest) {
      return fault("\"*\" stands for all the rest, so nothing may follow it");
    }
    Result<Segment> segment = parse_segment(take_segment(text));
    if (!segment.ok()) return fault(segment.error().what);
    pattern.segments.push_back(std::move(segment).value());
  }
  std::vector<std::string> names = pattern.names();
  if (names.size() > kMostParameters) return fault("more than 16 parameters");
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return fault("\"" + *twice + "\" stands there twice");
  return pattern;
}

bool Pattern::is_plain() const {
  return std::all_of(segments.begin(), segments.end(),
                     [](const Segment& each) { return each.kind == Segment::Kind::Plain; });
}

std::vector<std::string> Pattern::names() const {
  std::vector<std::string> names;
  for (const Segment& each : segments) {
    if (each.kind != Segment::Kind::Plain) names.push_back(each.text);
  }
  return names;
}

bool matches(const Pattern& pattern, std::string_view path) {
  for (const Segment& each : pattern.segments) {
    if (each.kind == Segment::Kind::Rest) return true;
    if (path.empty()) return false;
    const std::string_view segment = take_segment(path);
    if (each.kind == Segment::Kind::Plain && segment != each.text) return false;
    if (each.kind == Segment::Kind::Parameter && segment.empty()) return false;
  }
  return path.empty();
}

}  // namespace sockherd::module
