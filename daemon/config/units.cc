#include "daemon/config/units.h"

#include <array>
#include <cmath>
#include <limits>

#include "daemon/base/parse.h"

namespace sockherd::config {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

constexpr std::array<Unit, 5> kDurationUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 5> kSizeUnits = {{{"TiB", int64_t{1} << 40},
                                             {"GiB", int64_t{1} << 30},
                                             {"MiB", int64_t{1} << 20},
                                             {"KiB", int64_t{1} << 10},
                                             {"B", 1}}};

template <size_t kSize>
std::optional<int64_t> factor_of(const std::array<Unit, kSize>& units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return unit.factor;
  return std::nullopt;
}

// Cuts the leading run of characters that are (not) in `set` off the front of `text`.
std::string_view take_while(std::string_view& text, std::string_view set) {
  const size_t end = std::min(text.find_first_not_of(set), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(end);
  return head;
}

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kDecimals = "0123456789.";

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr double kLimit = 9.1e15;  // milliseconds; exact in a double
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    const auto number = parse_number<double>(take_while(text, kDecimals));
    const size_t unit_end = std::min(text.find_first_of(kDecimals), text.size());
    const auto factor = factor_of(kDurationUnits, text.substr(0, unit_end));
    text.remove_prefix(unit_end);
    if (!number || !factor) return std::nullopt;
    sum += *number * static_cast<double>(*factor);
  }
  const double whole = std::round(sum);
  if (sum > kLimit || std::abs(sum - whole) > 1e-6) return std::nullopt;
  return std::chrono::milliseconds(static_cast<int64_t>(whole));
}

std::string format_duration(std::chrono::milliseconds duration) {
  int64_t rest = duration.count();
  if (rest == 0) return "0s";
  std::string text;
  for (const Unit& unit : kDurationUnits) {
    if (rest < unit.factor) continue;
    text += std::to_string(rest / unit.factor) + std::string(unit.name);
    rest %= unit.factor;
  }
  return text;
}

std::optional<int64_t> parse_size(std::string_view text) {
  const auto number = parse_number<int64_t>(take_while(text, kDigits));
  const auto factor = factor_of(kSizeUnits, text);
  if (!number || !factor) return std::nullopt;
  if (*number > std::numeric_limits<int64_t>::max() / *factor) return std::nullopt;
  return *number * *factor;
}

std::string format_size(int64_t bytes) {
  for (const Unit& unit : kSizeUnits)
    if (bytes >= unit.factor && bytes % unit.factor == 0)
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
  return std::to_string(bytes) + "B";
}

std::optional<int64_t> parse_access_mode(std::string_view text) {
  if (text.size() < 3 || text.size() > 4) return std::nullopt;
  int64_t mode = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7') return std::nullopt;
    mode = mode * 8 + (digit - '0');
  }
  return mode;
}

std::string format_access_mode(int64_t mode) {
  std::string text = "0000";
  for (size_t i = text.size(); i-- > 0; mode /= 8) text[i] = static_cast<char>('0' + mode % 8);
  return text;
}

}  // namespace sockherd::config
