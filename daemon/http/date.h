// HTTP dates (RFC 9110 section 5.6.7): written as IMF-fixdate, read in all three forms.
//
// Pure: times are arguments, in seconds since 1970-01-01 UTC. No locale, no time zone, no leap
// second tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sockherd::http {

constexpr size_t kDateBytes = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"

// The grammar has four digits for the year: times outside of 0000..9999 are clamped.
std::array<char, kDateBytes> format_date(int64_t unix_seconds);

// The date of an HTTP-date, all of `text`, strictly by the grammar: IMF-fixdate, rfc850-date or
// asctime-date. The day of the week must be right. Of the two digits of an rfc850 year, a date that
// would lie more than 50 years after `now` is one of the past century. A leap second is the second
// after it.
std::optional<int64_t> parse_date(std::string_view text, int64_t now);

// The Date field of all responses of one second is formatted once.
class DateCache {
 public:
  // The view is good until the next call.
  std::string_view at(int64_t unix_seconds) {
    if (unix_seconds != second_) [[unlikely]] {
      text_ = format_date(unix_seconds);
      second_ = unix_seconds;
    }
    return {text_.data(), text_.size()};
  }

 private:
  int64_t second_ = INT64_MIN;
  std::array<char, kDateBytes> text_{};
};

}  // namespace sockherd::http
