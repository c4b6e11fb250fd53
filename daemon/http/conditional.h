// Conditional requests (RFC 9110 section 13): does what the client has still count?
//
// Pure: the caller knows the representation, this knows the rules and their order (section 13.2.2).
// Fields that are lists are read over all of their lines; of the others several lines count for
// none. To be asked only where the answer would be 2xx or 412 without conditions (section 13.2.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/http/request.h"

namespace sockherd::http {

// The selected representation, as its validators say it.
struct Validators {
  bool exists = true;  // "*" asks for this
  // Of the coding that is to be sent: each has its own (section 8.8.3.3).
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
