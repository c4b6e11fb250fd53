// Lane: which socket of a listener's group a passed descriptor is, and which thread of the worker
// serves it. In LISTEN_FDNAMES it is "sockherd.lane.LANE.NUMBER.LISTENER", or just "LISTENER" for
// lane 0 with the number of the worker's slot, which is all there is with one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockherd::contract {

struct Lane {
  uint32_t lane = 0;     // thread `lane % threads` serves it
  uint32_t number = 0;   // of the socket in its group: the SLOT of messages, its place in the loads
  std::string listener;  // its name in the configuration

  bool operator==(const Lane&) const = default;
};

std::string name_of(const Lane& lane, uint32_t slot);

// What name_of() has made for a worker of this slot. Nothing for a name that begins like a lane's
// and is none; any other name is that of a listener.
std::optional<Lane> parse_lane(std::string_view name, uint32_t slot);

}  // namespace sockherd::contract
