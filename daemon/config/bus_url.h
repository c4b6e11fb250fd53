// Where the engine is that carries rooms beyond one machine:
// "redis://USER:PASSWORD@10.0.0.5:6379/0".
//
// Numeric addresses only, as for listeners. What stands percent-encoded in user and password is
// decoded. A password is said to nobody: redacted() is for all that people see. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace sockherd::config {

struct BusUrl {
  std::string address;   // "10.0.0.5:6379", "[::1]:6379"
  std::string user;      // "" = none
  std::string password;  // "" = none
  uint32_t database = 0;

  bool operator==(const BusUrl&) const = default;
};

// Errors: what is wrong and what to write instead, without a password.
Result<BusUrl> parse_bus_url(std::string_view text);

// `text` with "***" in place of a password, also where it is no URL of ours.
std::string redacted(std::string_view text);

}  // namespace sockherd::config
