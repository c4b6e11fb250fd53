// Hub: the rooms of one lane: who is in them, and how what is said there gets to everybody.
//
// A room is a name; it is there as long as somebody is in it. What is published reaches the members
// of this lane at once, and by the buses (bus.h) those of all other lanes and machines. Everybody
// gets the messages of one publisher in its order, and each at most once.
//
// A place in a room costs 12 bytes here and 12 in the room's lists (at most twice that while a list
// grows). Nothing is locked: a lane is one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rooms/bus.h"
#include "daemon/rooms/by_text.h"
#include "daemon/rooms/member.h"
#include "daemon/rooms/message.h"
#include "daemon/stats/page.h"

namespace sockherd::rooms {

inline constexpr size_t kMaxRoomName = 255;  // bytes, any

inline bool is_room_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxRoomName;
}

class Hub;

// Listening: hears a room without being one of its members; ends when destroyed, which is not
// allowed from within its callback.
class [[nodiscard]] Listening final : private Member {
 public:
  using Callback = std::function<void(const std::shared_ptr<const Message>&)>;
  ~Listening() override;

 private:
  friend class Hub;
  Listening(Hub& hub, Callback callback) : hub_(hub), callback_(std::move(callback)) {}
  void deliver(const std::shared_ptr<const Message>& message) override { callback_(message); }

  Hub& hub_;
  Callback callback_;
};

class Hub {
 public:
  explicit Hub(stats::Counters& counters) : counters_(counters) {}
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;
  // Requires: everybody has left.
  ~Hub();

  // A further way to others, from now on. Before anybody joins.
  void add(std::unique_ptr<Bus> bus) { buses_.push_back(std::move(bus)); }

  // No effect on who is in it already. Returns false where that is no name of a room.
  bool join(Member& member, std::string_view room);
  void leave(Member& member, std::string_view room);
  void leave_all(Member& member);

  // Members in this lane.
  size_t size(std::string_view room) const;

  // Says it to everybody in the room, save `except`. What is published while something is delivered
  // is delivered after it, before the outermost publish returns. Returns false where that is no
  // name of a room.
  bool publish(std::string_view room, websocket::Kind kind, std::string_view payload,
               const Member* except = nullptr);

  // Calls back for every message of the room, wherever it was published. Null where that is no name
  // of a room.
  std::unique_ptr<Listening> listen(std::string_view room, Listening::Callback callback);

  // Whether anybody here hears the room.
  bool has(std::string_view room) const { return names_.contains(room); }
  // What a bus brings.
  void receive(std::string_view room, std::shared_ptr<const Message> message);

  // Before the loop sleeps.
  void end_turn();
  // What was published here is about to leave by a bus: to be waited for at the end of the lane.
  bool is_under_way() const;

 private:
  friend class Listening;
  static constexpr uint32_t kNone = Member::kNone;

  struct Room {
    std::string_view name;  // the key of names_
    std::vector<Member*> members;
    std::vector<uint32_t> places;  // of the same
    size_t listeners = 0;          // of the members
    size_t gone = 0;               // members that left during a delivery: null until its end
    bool is_delivering = false;
  };
  // The place of a member in a room.
  struct Place {
    uint32_t room;
    uint32_t position;
    uint32_t next;  // of the same member, or free
  };
  struct Said {
    std::string room;
    std::shared_ptr<const Message> message;
    const Member* except;
  };

  uint32_t need_room(std::string_view name);
  uint32_t take_place();
  uint32_t* find_place(Member& member, uint32_t room);
  void free_place(uint32_t* link);
  void remove(Room& room, uint32_t position);
  void end_if_empty(uint32_t room);
  void say(Said said);
  void deliver(uint32_t room, const Said& said);
  void close_gaps(Room& room);

  stats::Counters& counters_;
  std::vector<std::unique_ptr<Bus>> buses_;
  ByText<uint32_t> names_;
  std::vector<Room> rooms_;
  std::vector<uint32_t> free_rooms_;
  std::deque<Place> places_;  // so that a longer list is not a copy beside the shorter one
  uint32_t free_places_ = kNone;
  std::deque<Said> waiting_;
  bool is_delivering_ = false;
};

}  // namespace sockherd::rooms
