// How this folder puts text into a buffer: bytes one behind the other, the room counted before.
//
// Internal: only the *.cc of this folder include it.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sockherd::http {

inline constexpr std::string_view kLineEnd = "\r\n";

// A decimal number without an allocation.
class Decimal {
 public:
  static constexpr size_t kMost = 20;  // digits

  explicit Decimal(uint64_t number)
      : size_(static_cast<size_t>(
            std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr -
            digits_.data())) {}
  std::string_view view() const { return {digits_.data(), size_}; }

 private:
  std::array<char, kMost> digits_;
  size_t size_;
};

// What add_line() takes.
inline size_t line_size(std::string_view prefix, std::string_view value) {
  return value.empty() ? 0 : prefix.size() + value.size() + kLineEnd.size();
}

// The caller has counted: there is room.
class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}

  // Inlined by force: of a constant text, the copy is a few moves then (a quarter of the
  // instructions of a head, measured).
  [[gnu::always_inline]] void add(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void add(uint64_t number) { at_ = std::to_chars(at_, at_ + Decimal::kMost, number).ptr; }
  [[gnu::always_inline]] void add_line(std::string_view prefix, std::string_view value) {
    if (value.empty()) return;
    add(prefix);
    add(value);
    add(kLineEnd);
  }
  // The next bytes, for the caller to fill.
  char* take(size_t size) {
    char* taken = at_;
    at_ += size;
    return taken;
  }
  const char* at() const { return at_; }

 private:
  char* at_;
};

}  // namespace sockherd::http
