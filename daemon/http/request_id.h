// X-Request-Id: what a request is called in the logs of all who see it.
//
// Internal to forward_request.cc.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "daemon/http/characters.h"
#include "daemon/http/forward.h"

namespace sockherd::http {

inline constexpr size_t kRequestIdDigits = 32;

// One that comes is kept where it can do no harm in a log, and is no burden.
inline bool is_request_id(std::string_view text) {
  constexpr size_t kMostBytes = 128;
  return text.size() <= kMostBytes && is_all(kTargetByte, text);
}

// Eight hexadecimal digits, all at once: a nibble in each byte, then "0" or "a" - 10 added to it.
inline void write_digits(uint32_t number, char* at) {
  constexpr uint64_t kOnes = 0x0101010101010101U;
  uint64_t nibbles = number;
  nibbles = (nibbles << 16U | nibbles) & 0x0000ffff0000ffffU;
  nibbles = (nibbles << 8U | nibbles) & 0x00ff00ff00ff00ffU;
  nibbles = (nibbles << 4U | nibbles) & 0x0f0f0f0f0f0f0f0fU;
  const uint64_t is_letter = ((nibbles + kOnes * 6) >> 4U) & kOnes;
  uint64_t digits = nibbles + kOnes * '0' + is_letter * ('a' - '0' - 10);
  if constexpr (std::endian::native == std::endian::little) digits = __builtin_bswap64(digits);
  std::memcpy(at, &digits, sizeof digits);
}

// kRequestIdDigits of them.
inline void write_request_id(const RequestId& id, char* at) {
  write_digits(static_cast<uint32_t>(id.high >> 32U), at);
  write_digits(static_cast<uint32_t>(id.high), at + 8);
  write_digits(static_cast<uint32_t>(id.low >> 32U), at + 16);
  write_digits(static_cast<uint32_t>(id.low), at + 24);
}

}  // namespace sockherd::http
