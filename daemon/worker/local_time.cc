#include "daemon/worker/local_time.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace sockherd::worker {
namespace {

// strftime(3) would give the month in the words of a locale.
constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Room is a matter of four-digit years; a clock beyond them gets its line cut, not more.
template <size_t kSize>
size_t fit(const std::array<char, kSize>& /*room*/, int printed) {
  return std::min(static_cast<size_t>(std::max(printed, 0)), kSize - 1);
}

}  // namespace

std::string_view LocalTime::common(int64_t unix_seconds) {
  refresh(unix_seconds);
  return {common_.data(), common_bytes_};
}

std::string_view LocalTime::iso(int64_t unix_seconds) {
  refresh(unix_seconds);
  return {iso_.data(), iso_bytes_};
}

std::string_view LocalTime::iso_zone(int64_t unix_seconds) {
  refresh(unix_seconds);
  return {zone_.data(), zone_bytes_};
}

void LocalTime::refresh(int64_t unix_seconds) {
  if (unix_seconds == at_) return;
  at_ = unix_seconds;
  const time_t seconds = unix_seconds;
  tm local{};
  if (::localtime_r(&seconds, &local) == nullptr) local = tm{.tm_mday = 1, .tm_year = 70};
  const char* month = kMonths[static_cast<size_t>(local.tm_mon) % kMonths.size()];
  const long offset = local.tm_gmtoff / 60;
  const char sign = offset < 0 ? '-' : '+';
  const long hours = std::labs(offset) / 60;
  const long minutes = std::labs(offset) % 60;
  const int year = local.tm_year + 1900;
  common_bytes_ = fit(
      common_, std::snprintf(common_.data(), common_.size(),
                             "%02d/%s/%04d:%02d:%02d:%02d %c%02ld%02ld", local.tm_mday, month, year,
                             local.tm_hour, local.tm_min, local.tm_sec, sign, hours, minutes));
  iso_bytes_ = fit(iso_, std::snprintf(iso_.data(), iso_.size(), "%04d-%02d-%02dT%02d:%02d:%02d",
                                       year, local.tm_mon + 1, local.tm_mday, local.tm_hour,
                                       local.tm_min, local.tm_sec));
  zone_bytes_ =
      fit(zone_, std::snprintf(zone_.data(), zone_.size(), "%c%02ld:%02ld", sign, hours, minutes));
}

}  // namespace sockherd::worker
