// Parcel: what goes through an engine that knows nothing of us (redis_bus.h): a message with who
// has sent it and as which one.
//
// A sender is a lane; its number is random, anew at each start. Its messages are numbered for each
// room, from 0 in each epoch (numbering.h). Numbers are little-endian. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/contract/bus_file.h"
#include "daemon/websocket/kind.h"

namespace sockherd::rooms {

enum class ParcelType : uint8_t {
  Text,
  Binary,
  Mark,  // no message: `number` is the one that the next will have
  Ask,   // no message: whoever has sent in the room that the payload names, send a mark
};

struct ParcelHead {
  ParcelType type = ParcelType::Text;
  contract::BusFile::Instance instance{};  // of the pool on the sender's machine
  uint64_t sender = 0;
  uint32_t epoch = 0;
  uint64_t number = 0;
  int64_t begun_us = 0;  // Unix time when this sender sent number 0 in this room and epoch
  int64_t sent_us = 0;

  bool operator==(const ParcelHead&) const = default;
};

struct Parcel {
  ParcelHead head;
  std::string_view payload;
};

inline constexpr size_t kParcelHeadBytes = 56;

std::array<char, kParcelHeadBytes> encode(const ParcelHead& head);
// Nothing for what is no parcel, or one of another version.
std::optional<Parcel> parse_parcel(std::string_view bytes);

constexpr ParcelType type_of(websocket::Kind kind) {
  return kind == websocket::Kind::Text ? ParcelType::Text : ParcelType::Binary;
}

}  // namespace sockherd::rooms
