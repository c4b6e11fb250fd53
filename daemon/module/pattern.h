// Pattern: the path of a route, "/users/:id/files/*rest": plain segments, ":name" for one segment,
// "*name" (or "*") for all the rest, also none of it, at its end.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"

namespace sockherd::module {

inline constexpr size_t kMostParameters = 16;  // of one pattern

struct Segment {
  enum class Kind : uint8_t { Plain, Parameter, Rest };
  Kind kind = Kind::Plain;
  std::string text;  // the segment, or the name
};

struct Pattern {
  std::string text;
  std::vector<Segment> segments;

  // Errors: no "/" in front, a name twice, "*" before the end, too many parameters.
  static Result<Pattern> parse(std::string_view text);

  bool is_plain() const;                   // no parameters
  std::vector<std::string> names() const;  // of the parameters, in order
};

// What parameters stand for, in the order of Pattern::names(); views into the path.
struct Values {
  std::array<std::string_view, kMostParameters + 1> values;  // one more while it is looked for
  size_t count = 0;
};

// Takes the first segment of a path that begins with "/" off it; the rest is empty, or begins with
// "/".
std::string_view take_segment(std::string_view& path);

// Whether `path` fits, for filters.
bool matches(const Pattern& pattern, std::string_view path);

}  // namespace sockherd::module
