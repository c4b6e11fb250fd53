#include "daemon/websocket/close.h"

#include <algorithm>
#include <cstring>

#include "daemon/websocket/utf8.h"

namespace sockherd::websocket {
namespace {

constexpr size_t kCodeBytes = 2;

// As much of it as fits, without a character that is cut.
std::string_view fitting(std::string_view reason) {
  constexpr size_t kMost = kMaxControlPayload - kCodeBytes;
  if (reason.size() <= kMost) return reason;
  size_t size = kMost;
  while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xc0) == 0x80) --size;
  return reason.substr(0, size);
}

}  // namespace

// 1004 is reserved; 1005, 1006 and 1015 say what was not said in a frame; 1012 to 1014 are
// registered (https://www.iana.org/assignments/websocket).
bool may_be_sent(uint16_t code) {
  if (code >= 1000 && code <= 1003) return true;
  if (code >= 1007 && code <= 1014) return true;
  return code >= 3000 && code <= 4999;
}

CloseParse parse_close(std::string_view payload) {
  if (payload.empty()) return {};
  if (payload.size() < kCodeBytes) {
    return {.fault = close_code::kProtocolError, .why = "Close with one byte"};
  }
  const auto code = static_cast<uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                          static_cast<unsigned char>(payload[1]));
  if (!may_be_sent(code)) {
    return {.fault = close_code::kProtocolError, .why = "Close with a code that is not for frames"};
  }
  const std::string_view reason = payload.substr(kCodeBytes);
  if (!is_utf8(reason)) {
    return {.fault = close_code::kNotConsistent, .why = "Close with a reason that is not UTF-8"};
  }
  return {.code = code, .reason = reason};
}

size_t write_close(uint16_t code, std::string_view reason, std::span<char, kMaxControlPayload> to) {
  if (code == close_code::kNone) return 0;
  to[0] = static_cast<char>(code >> 8);
  to[1] = static_cast<char>(code & 0xff);
  reason = fitting(reason);
  if (!reason.empty()) std::memcpy(to.data() + kCodeBytes, reason.data(), reason.size());
  return kCodeBytes + reason.size();
}

}  // namespace sockherd::websocket
