#include "daemon/http/date.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

constexpr std::string_view kDayNames[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr int64_t kFirst = -62167219200;  // 0000-01-01 00:00:00
constexpr int64_t kLast = 253402300799;   // 9999-12-31 23:59:59

struct Civil {
  unsigned weekday = 0;  // 0 = Sunday
  unsigned day = 0;
  unsigned month = 0;  // 1 = January
  int year = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
};

Civil civil_of(int64_t unix_seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const auto of_day = static_cast<unsigned>((time - days).count());
  return {.weekday = std::chrono::weekday(days).c_encoding(),
          .day = static_cast<unsigned>(date.day()),
          .month = static_cast<unsigned>(date.month()),
          .year = static_cast<int>(date.year()),
          .hour = of_day / 3600,
          .minute = of_day / 60 % 60,
          .second = of_day % 60};
}

void put_two_digits(char* at, unsigned number) {
  at[0] = static_cast<char>('0' + number / 10 % 10);
  at[1] = static_cast<char>('0' + number % 10);
}

// Reads a date from left to right; the first thing that is not there makes it fail for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void literal(std::string_view text) {
    if (rest_.starts_with(text)) {
      rest_.remove_prefix(text.size());
    } else {
      failed_ = true;
    }
  }

  unsigned digits(size_t count) {
    unsigned number = 0;
    for (size_t i = 0; i < count; ++i) {
      if (rest_.empty() || !is_digit(rest_.front())) {
        failed_ = true;
        return 0;
      }
      number = number * 10 + static_cast<unsigned>(rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return number;
  }

  unsigned month() {
    for (unsigned month = 1; month <= 12; ++month) {
      if (!rest_.starts_with(kMonths.substr(size_t{month - 1} * 3, 3))) continue;
      rest_.remove_prefix(3);
      return month;
    }
    failed_ = true;
    return 0;
  }

  // length: of the names; 3 for the short ones.
  unsigned weekday(size_t length) {
    for (unsigned day = 0; day < 7; ++day) {
      const std::string_view name = kDayNames[day].substr(0, length);
      if (!rest_.starts_with(name)) continue;
      rest_.remove_prefix(name.size());
      return day;
    }
    failed_ = true;
    return 0;
  }

  void time_of_day(Civil& civil) {
    civil.hour = digits(2);
    literal(":");
    civil.minute = digits(2);
    literal(":");
    civil.second = digits(2);
  }

  bool is_done() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// "Sun, 06 Nov 1994 08:49:37 GMT"
bool read_imf_fixdate(std::string_view text, Civil& civil) {
  Reader reader(text);
  civil.weekday = reader.weekday(3);
  reader.literal(", ");
  civil.day = reader.digits(2);
  reader.literal(" ");
  civil.month = reader.month();
  reader.literal(" ");
  civil.year = static_cast<int>(reader.digits(4));
  reader.literal(" ");
  reader.time_of_day(civil);
  reader.literal(" GMT");
  return reader.is_done();
}

// "Sunday, 06-Nov-94 08:49:37 GMT"; the year is that of the century.
bool read_rfc850_date(std::string_view text, Civil& civil) {
  Reader reader(text);
  civil.weekday = reader.weekday(std::string_view::npos);
  reader.literal(", ");
  civil.day = reader.digits(2);
  reader.literal("-");
  civil.month = reader.month();
  reader.literal("-");
  civil.year = static_cast<int>(reader.digits(2));
  reader.literal(" ");
  reader.time_of_day(civil);
  reader.literal(" GMT");
  return reader.is_done();
}

// "Sun Nov  6 08:49:37 1994"
bool read_asctime_date(std::string_view text, Civil& civil) {
  Reader reader(text);
  civil.weekday = reader.weekday(3);
  reader.literal(" ");
  civil.month = reader.month();
  reader.literal(" ");
  const bool one_digit = text.size() > 8 && text[8] == ' ';
  if (one_digit) reader.literal(" ");
  civil.day = reader.digits(one_digit ? 1 : 2);
  reader.literal(" ");
  reader.time_of_day(civil);
  reader.literal(" ");
  civil.year = static_cast<int>(reader.digits(4));
  return reader.is_done();
}

enum class Weekday : uint8_t { Checked, Ignored };

std::optional<int64_t> seconds_of(const Civil& civil, Weekday weekday) {
  const std::chrono::year_month_day date{
      std::chrono::year(civil.year), std::chrono::month(civil.month), std::chrono::day(civil.day)};
  if (!date.ok()) return std::nullopt;
  if (civil.hour > 23 || civil.minute > 59 || civil.second > 60) return std::nullopt;
  const std::chrono::sys_days days(date);
  const bool right_day = std::chrono::weekday(days).c_encoding() == civil.weekday;
  if (weekday == Weekday::Checked && !right_day) return std::nullopt;
  const int64_t minutes = int64_t{civil.hour} * 60 + civil.minute;
  return int64_t{days.time_since_epoch().count()} * 86400 + minutes * 60 + civil.second;
}

// The latest year with these two digits whose date is at most 50 years after now.
std::optional<int64_t> place_in_century(Civil civil, int64_t now) {
  constexpr int64_t kFiftyYears = int64_t{50} * 31556952;  // mean Gregorian years
  const int this_year = civil_of(std::clamp(now, kFirst, kLast)).year;
  civil.year += this_year / 100 * 100 + 100;
  for (int century = 0; century < 3; ++century, civil.year -= 100) {
    // 29 February exists in one century and not in the next: then the date is none.
    const auto seconds = seconds_of(civil, Weekday::Ignored);
    if (!seconds || *seconds - kFiftyYears > now) continue;
    return seconds_of(civil, Weekday::Checked);
  }
  return std::nullopt;
}

}  // namespace

std::array<char, kDateBytes> format_date(int64_t unix_seconds) {
  const Civil civil = civil_of(std::clamp(unix_seconds, kFirst, kLast));
  std::array<char, kDateBytes> text{};
  std::memcpy(text.data(), "Day, 00 Mon 0000 00:00:00 GMT", kDateBytes);
  std::memcpy(text.data(), kDayNames[civil.weekday].data(), 3);
  put_two_digits(text.data() + 5, civil.day);
  std::memcpy(text.data() + 8, kMonths.data() + size_t{civil.month - 1} * 3, 3);
  put_two_digits(text.data() + 12, static_cast<unsigned>(civil.year) / 100);
  put_two_digits(text.data() + 14, static_cast<unsigned>(civil.year) % 100);
  put_two_digits(text.data() + 17, civil.hour);
  put_two_digits(text.data() + 20, civil.minute);
  put_two_digits(text.data() + 23, civil.second);
  return text;
}

std::optional<int64_t> parse_date(std::string_view text, int64_t now) {
  Civil civil;
  if (read_imf_fixdate(text, civil) || read_asctime_date(text, civil)) {
    return seconds_of(civil, Weekday::Checked);
  }
  if (read_rfc850_date(text, civil)) return place_in_century(civil, now);
  return std::nullopt;
}

}  // namespace sockherd::http
