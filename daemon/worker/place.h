// Place: one socket of a listener's group.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace sockherd::worker {

struct Place {
  std::string listener;  // its name in the configuration
  uint32_t slot = 0;     // the number of the socket; with several threads a slot has several

  auto operator<=>(const Place&) const = default;
};

}  // namespace sockherd::worker
