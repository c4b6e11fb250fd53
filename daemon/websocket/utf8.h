// Utf8: whether a text that comes in pieces is UTF-8 (RFC 3629): no overlong forms, no surrogates,
// nothing above U+10FFFF. Says so at the first byte that cannot be right.
#pragma once

#include <cstdint>
#include <string_view>

namespace sockherd::websocket {

class Utf8 {
 public:
  // Goes on with the next piece. Returns false from the first wrong byte on.
  [[nodiscard]] bool accept(std::string_view piece);

  // Whether the text may end here: no character is unfinished.
  bool is_whole() const { return missing_ == 0; }

 private:
  uint8_t missing_ = 0;  // bytes of the character that is under way
  uint8_t least_ = 0x80;
  uint8_t most_ = 0xbf;  // bounds of the next of them
};

// Of a text that is there as a whole.
bool is_utf8(std::string_view text);

}  // namespace sockherd::websocket
