// Numbers from text, without exceptions, locale or partial success.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace sockherd {

// The whole of `text` as a number in base 10; nothing if anything else stands there or it
// overflows. No sign for unsigned types, no leading "+", no blanks.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return number;
}

}  // namespace sockherd
