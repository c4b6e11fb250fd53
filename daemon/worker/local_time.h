// LocalTime: a moment in the time zone of this machine, as access logs write it. The zone is asked
// once for each second.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sockherd::worker {

class LocalTime {
 public:
  // "21/Nov/2026:03:04:45 +0100", the Common Log Format. Valid until the next call.
  std::string_view common(int64_t unix_seconds);

  // RFC 3339 without the fraction, in two parts: "2026-11-21T03:04:45" and "+01:00". Valid until
  // the next call.
  std::string_view iso(int64_t unix_seconds);
  std::string_view iso_zone(int64_t unix_seconds);

 private:
  void refresh(int64_t unix_seconds);

  int64_t at_ = INT64_MIN;
  std::array<char, 32> common_{};
  std::array<char, 24> iso_{};
  std::array<char, 8> zone_{};
  size_t common_bytes_ = 0;
  size_t iso_bytes_ = 0;
  size_t zone_bytes_ = 0;
};

}  // namespace sockherd::worker
