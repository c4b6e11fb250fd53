#include "daemon/rooms/message.h"

#include <array>
#include <cstring>

#include "daemon/websocket/frame.h"

namespace sockherd::rooms {

Message::Message(websocket::Kind kind, size_t size) : kind_(kind) {
  std::array<char, websocket::kMaxFrameHead> head;
  header_bytes_ = static_cast<uint8_t>(websocket::write_frame_head(
      {.opcode = websocket::opcode_of(kind), .payload_bytes = size}, head));
  frame_.reserve(header_bytes_ + size);
  frame_.assign(head.data(), header_bytes_);
  frame_.resize(header_bytes_ + size);
}

std::shared_ptr<const Message> Message::create(websocket::Kind kind, std::string_view payload) {
  return create(kind, payload.size(), [payload](char* to) {
    if (!payload.empty()) std::memcpy(to, payload.data(), payload.size());
  });
}

}  // namespace sockherd::rooms
