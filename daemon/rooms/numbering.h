// Numbering: by which whoever receives from an engine that may lose and repeat messages takes each
// once and counts exactly what is missing. Pure.
//
// Each sender numbers its messages in each room from 0. When it has spoken in very many rooms, it
// forgets all and begins a new epoch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "daemon/rooms/by_text.h"

namespace sockherd::rooms {

struct MessageNumber {
  uint32_t epoch = 0;
  uint64_t number = 0;
  int64_t begun_us = 0;  // when its sender took number 0
  bool operator==(const MessageNumber&) const = default;
};

// A sender's.
class SentNumbers {
 public:
  static constexpr size_t kMostRooms = 65536;

  // The number of its next message in the room, which is taken by that.
  MessageNumber take(std::string_view room, int64_t now_us);
  // The same without taking it; nothing where it has not said anything there in this epoch.
  std::optional<MessageNumber> next(std::string_view room) const;
  // The rooms in which it has.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const auto& each : rooms_) visit(each.first);
  }

 private:
  struct Room {
    uint64_t next;
    int64_t begun_us;
  };

  ByText<Room> rooms_;
  uint32_t epoch_ = 0;
};

// A receiver's: of all senders in all rooms that it hears.
class HeardNumbers {
 public:
  static constexpr size_t kMostSenders = 4096;  // of a room; then the longest unheard is forgotten

  struct Heard {
    bool is_new = false;  // else it has been heard already
    uint64_t missed = 0;  // messages before it
    bool operator==(const Heard&) const = default;
  };

  // We hear the room from now on.
  void join(std::string_view room, int64_t now_us);

  // A message has come. Of a sender that began after we joined, we want all; one that began before
  // is known from its first message that has come: those before it may have been before our time.
  Heard hear(std::string_view room, uint64_t sender, MessageNumber number);
  // The sender says which one is next. Returns how many of those before it have not come.
  uint64_t mark(std::string_view room, uint64_t sender, MessageNumber next);
  // Nobody here hears the room any more.
  void forget(std::string_view room);

 private:
  struct Sender {
    MessageNumber expected;
    uint64_t last_heard = 0;
  };
  MessageNumber& expected(std::string_view room, uint64_t sender, MessageNumber first);

  struct Room {
    int64_t joined_us = 0;
    std::unordered_map<uint64_t, Sender> senders;
  };

  ByText<Room> rooms_;
  uint64_t heard_ = 0;
};

}  // namespace sockherd::rooms
