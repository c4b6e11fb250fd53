#include "daemon/rooms/message.h"

#include <cstdint>
#include <cstring>

namespace sockherd::rooms {
namespace {

// RFC 6455 section 5.2: one unmasked frame, which is the whole message.
std::string header_of(websocket::Kind kind, size_t size) {
  constexpr unsigned kFinal = 0x80;
  std::string header(1, static_cast<char>(kFinal | (kind == websocket::Kind::Text ? 1 : 2)));
  const auto append = [&header, size](unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) header += static_cast<char>(size >> (8 * i) & 0xff);
  };
  constexpr size_t kShort = 125;
  if (size <= kShort) {
    append(1);
  } else if (size <= UINT16_MAX) {
    header += static_cast<char>(126);
    append(2);
  } else {
    header += static_cast<char>(127);
    append(8);
  }
  return header;
}

}  // namespace

Message::Message(websocket::Kind kind, size_t size) : kind_(kind) {
  const std::string header = header_of(kind, size);
  header_bytes_ = static_cast<uint8_t>(header.size());
  frame_.reserve(header.size() + size);
  frame_ = header;
  frame_.resize(header.size() + size);
}

std::shared_ptr<const Message> Message::create(websocket::Kind kind, std::string_view payload) {
  return create(kind, payload.size(), [payload](char* to) {
    if (!payload.empty()) std::memcpy(to, payload.data(), payload.size());
  });
}

}  // namespace sockherd::rooms
