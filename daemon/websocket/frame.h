// Frames of RFC 6455 section 5.2: the head of one, as bytes and back.
//
// Pure. What a head says is judged here as far as it can be without knowing the message that it is
// part of (receiver.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/websocket/kind.h"
#include "daemon/websocket/mask.h"

namespace sockherd::websocket {

enum class Opcode : uint8_t {
  Continuation = 0,
  Text = 1,
  Binary = 2,
  Close = 8,
  Ping = 9,
  Pong = 10,
};

constexpr bool is_control(Opcode opcode) {
  return static_cast<uint8_t>(opcode) >= 8;
}
constexpr Opcode opcode_of(Kind kind) {
  return kind == Kind::Text ? Opcode::Text : Opcode::Binary;
}

inline constexpr size_t kMaxControlPayload = 125;
inline constexpr size_t kMaxFrameHead = 14;

// Who reads: frames to a server are masked, those to a client are not.
enum class Role : uint8_t { Server, Client };

struct FrameHead {
  Opcode opcode = Opcode::Text;
  bool is_final = true;
  bool is_compressed = false;  // RSV1, RFC 7692 section 6
  bool is_masked = false;
  MaskingKey mask;
  uint64_t payload_bytes = 0;
};

// Whether RSV1 has a meaning on this connection.
enum class Extension : uint8_t { None, Deflate };

struct FrameParse {
  enum class State : uint8_t { Incomplete, Complete, Refused };
  State state = State::Incomplete;
  uint8_t bytes = 0;        // Complete: of the head
  const char* reason = "";  // Refused: with 1002; static
};

// Reads the head at the front of `bytes`. Refused as soon as a byte makes it wrong.
FrameParse parse_frame_head(std::string_view bytes, Role role, Extension extension,
                            FrameHead& head);

// Writes it, in the shortest form. Returns how many bytes of `room` it took.
size_t write_frame_head(const FrameHead& head, std::span<char, kMaxFrameHead> room);

// How many bytes that takes.
constexpr size_t frame_head_bytes(uint64_t payload_bytes, bool is_masked) {
  const size_t length = payload_bytes <= 125 ? 0 : payload_bytes <= UINT16_MAX ? 2 : 8;
  return 2 + length + (is_masked ? 4 : 0);
}

// A whole frame, masked where its head says so.
void append_frame(std::string& to, FrameHead head, std::string_view payload);

}  // namespace sockherd::websocket
