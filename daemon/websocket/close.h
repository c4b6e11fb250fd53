// Why a WebSocket ends: the codes of RFC 6455 section 7.4 and of IANA's registry, and the payload
// of a Close frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/websocket/frame.h"

namespace sockherd::websocket {

namespace close_code {
inline constexpr uint16_t kNormal = 1000;
inline constexpr uint16_t kGoingAway = 1001;
inline constexpr uint16_t kProtocolError = 1002;
inline constexpr uint16_t kNone = 1005;      // never sent: the Close frame had no code
inline constexpr uint16_t kAbnormal = 1006;  // never sent: there was no Close frame
inline constexpr uint16_t kNotConsistent = 1007;
inline constexpr uint16_t kPolicy = 1008;
inline constexpr uint16_t kTooBig = 1009;
inline constexpr uint16_t kInternalError = 1011;
}  // namespace close_code

// Whether it may stand in a Close frame: registered codes, and those for libraries and applications
// (3000 to 4999).
bool may_be_sent(uint16_t code);

// What a Close frame said.
struct CloseParse {
  uint16_t code = close_code::kNone;
  std::string_view reason;  // of the peer, in the payload
  uint16_t fault = 0;       // the code to answer with, where it is not right
  const char* why = "";     // then; static
};
CloseParse parse_close(std::string_view payload);

// Writes the payload of one; of a reason that is too long, what fits and is UTF-8. With kNone it is
// empty. Returns its bytes.
size_t write_close(uint16_t code, std::string_view reason, std::span<char, kMaxControlPayload> to);

}  // namespace sockherd::websocket
