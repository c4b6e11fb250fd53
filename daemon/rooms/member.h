// Member: who can be in rooms. Rooms know their members, and a member the places it has in them
// (hub.h): so all of joining and leaving takes constant time.
#pragma once

#include <cstdint>
#include <memory>

#include "daemon/base/assert.h"
#include "daemon/rooms/message.h"

namespace sockherd::rooms {

class Member {
 public:
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  // Requires: it has left all rooms (Hub::leave_all).
  virtual ~Member() { SH_ASSERT(first_ == kNone); }

  // Something was said in a room that this is in. May leave and join rooms, publish, and destroy
  // this and any other member, once they have left.
  virtual void deliver(const std::shared_ptr<const Message>& message) = 0;

 protected:
  Member() = default;

 private:
  friend class Hub;
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t first_ = kNone;    // of its places, in Hub::places_
  bool is_listener_ = false;  // it hears and is not counted
};

}  // namespace sockherd::rooms
