// The masking of what clients send (RFC 6455 section 5.3).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sockherd::websocket {

// The four bytes of a key, as they stand in the frame; beginning with the one for the next byte.
class MaskingKey {
 public:
  MaskingKey() = default;
  explicit MaskingKey(std::array<char, 4> bytes) { std::memcpy(&word_, bytes.data(), 4); }

  std::array<char, 4> bytes() const {
    std::array<char, 4> bytes{};
    std::memcpy(bytes.data(), &word_, 4);
    return bytes;
  }

  // Masks, or takes off the mask, in place; the next call goes on behind it.
  void apply(std::span<char> payload) {
    char* at = payload.data();
    size_t left = payload.size();
    const uint64_t wide = uint64_t{word_} << 32 | word_;
    for (; left >= 8; left -= 8, at += 8) {
      uint64_t bytes = 0;
      std::memcpy(&bytes, at, 8);
      bytes ^= wide;
      std::memcpy(at, &bytes, 8);
    }
    for (; left > 0; --left) {
      *at = static_cast<char>(*at ^ next());
      ++at;
    }
  }

 private:
  char next() {
    constexpr bool kLittle = std::endian::native == std::endian::little;
    const auto byte = static_cast<char>(kLittle ? word_ & 0xff : word_ >> 24);
    word_ = kLittle ? std::rotr(word_, 8) : std::rotl(word_, 8);
    return byte;
  }

  uint32_t word_ = 0;  // as it lies in memory
};

}  // namespace sockherd::websocket
