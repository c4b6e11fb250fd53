// Conditional requests (RFC 9110 section 13): does what the client has still count?
//
// Pure: the caller knows the representation, this knows the rules and their order. Fields that are
// lists are read over all of their lines.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/http/request.h"

namespace sockherd::http {

// The selected representation, as its validators say it.
struct Validators {
  bool exists = true;                    // "*" asks for this
  std::string_view etag;                 // as sent: "\"abc\"" or "W/\"abc\""; "" = none
  std::optional<int64_t> last_modified;  // seconds since 1970
};

enum class Condition : uint8_t { Proceed, NotModified, PreconditionFailed };  // 304, 412

struct Evaluation {
  Condition condition = Condition::Proceed;
  bool range_counts = false;  // Proceed: may a Range field be answered with 206
};

// now: seconds since 1970, for dates with two digits of a year.
Evaluation evaluate_conditions(const RequestHead& head, const Validators& validators, int64_t now);

}  // namespace sockherd::http
