// Receiver: bytes of a peer in, messages and control frames out; RFC 6455 section 5 to the letter.
//
// Works in place: a message that lies whole and in one frame in the given bytes is handed out from
// there, unmasked where it stands. Only what is unfinished is copied, and kept until it is whole;
// so between messages there is nothing to keep (is_idle()), and text that is wrong is refused at
// the first byte, however it is cut into frames and pieces. A message in permessage-deflate is
// handed out as it came, whole (inflater.h makes text of it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/websocket/frame.h"
#include "daemon/websocket/utf8.h"

namespace sockherd::websocket {

class Receiver {
 public:
  enum class Event : uint8_t {
    None,     // all is taken in, or what is left is the begin of a frame: more bytes are needed
    Message,  // whole
    Ping,
    Pong,
    Close,
    Failed,  // the peer breaks the rules; nothing can be read any more
  };
  struct Step {
    Event event = Event::None;
    size_t consumed = 0;           // of the bytes
    Kind kind = Kind::Text;        // Message
    bool is_compressed = false;    // Message: the payload is to be inflated, and text to be checked
    std::string_view payload{};    // in the bytes, or in this; until the next call
    uint16_t code = 0;             // Failed: to close with; Close: what the peer says
    std::string_view reason = "";  // of the same; Failed: static
  };

  struct Terms {
    Role role = Role::Server;
    Extension extension = Extension::None;
    uint64_t max_message_bytes = 0;  // of a message, as it comes
  };

  explicit Receiver(Terms terms) : terms_(terms) {}

  // The next event in `bytes`, which begin where the last call ended. To be called again with what
  // is behind `consumed`, until there is none. Bytes that are not consumed are to be given again,
  // with more behind them; they are fewer than kMaxFrameHead + kMaxControlPayload.
  Step read(std::span<char> bytes);

  // Nothing is unfinished.
  bool is_idle() const { return !in_message_ && !in_frame_; }

  // Bytes kept of what is unfinished.
  size_t kept_bytes() const { return message_.size(); }

  // As new, for another peer. Gives back what a long message took.
  void restart(Terms terms);

 private:
  Step take_frame_head(std::span<char> bytes);
  Step begin_data_frame(std::span<char> bytes);
  Step take_control(std::span<char> bytes);
  Step take_payload(std::span<char> bytes, size_t consumed);
  Step end_frame(std::string_view last, size_t consumed);
  Step fail(uint16_t code, const char* reason);
  bool needs_utf8() const { return kind_ == Kind::Text && !is_compressed_; }

  Terms terms_;
  FrameHead frame_;    // being read
  uint64_t left_ = 0;  // of its payload
  std::string message_;
  Utf8 utf8_;
  Kind kind_ = Kind::Text;
  bool is_compressed_ = false;
  bool in_message_ = false;     // a frame of it has come, and its last has not
  bool in_frame_ = false;       // the head is read, and its payload not
  bool is_handed_out_ = false;  // message_, by the last call
  bool has_failed_ = false;
};

}  // namespace sockherd::websocket
