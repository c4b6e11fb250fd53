// Message: what was said in a room, made once for all who hear it.
//
// Receivers share it (its owners are the receivers that still have to send it), so it never
// changes. The frame is what goes to a client that has agreed on no extension: header and payload
// in one piece.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/websocket/kind.h"

namespace sockherd::rooms {

class Message {
 public:
  // Copies the payload.
  static std::shared_ptr<const Message> create(websocket::Kind kind, std::string_view payload);
  // Takes it from `fill`, which writes it all.
  template <typename Fill>
  static std::shared_ptr<const Message> create(websocket::Kind kind, size_t size, Fill fill) {
    auto message = std::make_shared<Message>(kind, size);
    fill(message->frame_.data() + message->header_bytes_);
    return message;
  }

  // For create() only: the payload is not there yet.
  Message(websocket::Kind kind, size_t size);

  websocket::Kind kind() const { return kind_; }
  std::string_view payload() const { return std::string_view(frame_).substr(header_bytes_); }
  std::string_view frame() const { return frame_; }

 private:
  websocket::Kind kind_;
  uint8_t header_bytes_;
  std::string frame_;
};

}  // namespace sockherd::rooms
