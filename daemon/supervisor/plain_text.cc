#include "daemon/supervisor/plain_text.h"

#include <algorithm>
#include <cstdint>

namespace sockherd::supervisor {
namespace {

// The length of the valid character that `text` begins with, or 0 (RFC 3629: no overlong forms, no
// surrogates, nothing beyond U+10FFFF). Requires: text is not empty.
size_t character_length(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  const auto second = static_cast<uint8_t>(text[1]);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
      (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
    return 0;
  }
  const auto rest = text.substr(1, length - 1);
  const bool is_valid = std::all_of(rest.begin(), rest.end(), [](char byte) {
    return (static_cast<uint8_t>(byte) & 0xC0) == 0x80;
  });
  return is_valid ? length : 0;
}

}  // namespace

std::string plain_text(std::string_view text, size_t max_bytes) {
  std::string plain;
  while (!text.empty()) {
    const size_t length = character_length(text);
    if (plain.size() + std::max<size_t>(length, 1) > max_bytes) break;
    const bool is_control =
        length == 1 && (static_cast<uint8_t>(text[0]) < 0x20 || text[0] == 0x7F);
    if (length == 0 || is_control) {
      plain += '?';
    } else {
      plain += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return plain;
}

}  // namespace sockherd::supervisor
