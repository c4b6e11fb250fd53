// Bounds: what makes a load a failure: "p99>5ms,errors>0,rate<1000". Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/load/report.h"
#include "daemon/base/result.h"

namespace sockherd::load {

struct Bound {
  enum class Unit : uint8_t { Count, Share, Nanoseconds };

  std::string text;     // as given
  std::string what;     // "p99"
  bool is_most = true;  // ">": more than that is a failure
  double value = 0;
  Unit unit = Unit::Count;
};

// Errors: an unknown name, value or unit.
Result<std::vector<Bound>> parse_bounds(std::string_view text);

// Those that the report breaks, each with what it is: "p99>5ms: 7.1 ms".
std::vector<std::string> broken(const std::vector<Bound>& bounds, const Report& report);

// Why nothing that it says is worth anything; "" where it is.
std::string futility(const Report& report);

}  // namespace sockherd::load
