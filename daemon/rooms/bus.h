// Bus: carries messages of rooms from one lane to others, of this machine (shared_bus.h) or of
// others (redis_bus.h), and brings theirs to the Hub.
//
// Never waits and never fails: what cannot be carried is counted.
#pragma once

#include <memory>
#include <string_view>

#include "daemon/rooms/message.h"

namespace sockherd::rooms {

class Bus {
 public:
  Bus() = default;
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;
  virtual ~Bus() = default;

  // To everybody else who is in the room. Requires: is_room_name(room).
  virtual void publish(std::string_view room, const Message& message) = 0;

  // Somebody here hears the room from now on; nobody does any more.
  virtual void begin(std::string_view /*room*/) {}
  virtual void end(std::string_view /*room*/) {}

  // Before the loop sleeps.
  virtual void end_turn() {}

  // Something published here has not left yet and is about to.
  virtual bool is_under_way() const { return false; }
};

}  // namespace sockherd::rooms
