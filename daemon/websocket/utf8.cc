#include "daemon/websocket/utf8.h"

#include <cstddef>
#include <cstring>

namespace sockherd::websocket {
namespace {

// What a first byte asks for (RFC 3629 section 4). The bounds of the second byte rule out overlong
// forms, surrogates and what is above U+10FFFF.
struct Lead {
  uint8_t missing;  // 0: no first byte
  uint8_t least;
  uint8_t most;
};

constexpr Lead lead_of(uint8_t byte) {
  if (byte < 0xc2) return {0, 0, 0};
  if (byte < 0xe0) return {1, 0x80, 0xbf};
  if (byte == 0xe0) return {2, 0xa0, 0xbf};
  if (byte == 0xed) return {2, 0x80, 0x9f};
  if (byte < 0xf0) return {2, 0x80, 0xbf};
  if (byte == 0xf0) return {3, 0x90, 0xbf};
  if (byte < 0xf4) return {3, 0x80, 0xbf};
  if (byte == 0xf4) return {3, 0x80, 0x8f};
  return {0, 0, 0};
}

// The first byte from `at` on that is not ASCII, or `end`; eight bytes a step.
const char* skip_ascii(const char* at, const char* end) {
  constexpr uint64_t kHighs = 0x8080808080808080U;
  while (end - at >= 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    if ((word & kHighs) != 0) break;
    at += 8;
  }
  while (at != end && static_cast<unsigned char>(*at) < 0x80) ++at;
  return at;
}

}  // namespace

bool Utf8::accept(std::string_view piece) {
  const char* at = piece.data();
  const char* end = at + piece.size();
  for (;;) {
    if (missing_ == 0) at = skip_ascii(at, end);
    if (at == end) return true;
    const auto byte = static_cast<uint8_t>(*at++);
    if (missing_ == 0) {
      const Lead lead = lead_of(byte);
      if (lead.missing == 0) return false;
      missing_ = lead.missing;
      least_ = lead.least;
      most_ = lead.most;
      continue;
    }
    if (byte < least_ || byte > most_) return false;
    --missing_;
    least_ = 0x80;
    most_ = 0xbf;
  }
}

bool is_utf8(std::string_view text) {
  Utf8 utf8;
  return utf8.accept(text) && utf8.is_whole();
}

}  // namespace sockherd::websocket
