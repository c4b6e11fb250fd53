#include "daemon/http/range.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

// 1*DIGIT; what does not fit is more than any size.
std::optional<uint64_t> parse_position(std::string_view text) {
  if (text.empty()) return std::nullopt;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
  }
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? number : UINT64_MAX;
}

// "-5": the last bytes. None of them is a range that can not be had, whatever the size; all of an
// empty representation is the whole of it (RFC 9110 section 14.1.2).
ByteRange suffix_range(std::string_view digits, uint64_t size) {
  const std::optional<uint64_t> length = parse_position(digits);
  if (!length) return {};
  if (*length == 0) return {.kind = RangeKind::Unsatisfiable};
  if (size == 0) return {};
  return {.kind = RangeKind::Partial, .first = size - std::min(*length, size), .last = size - 1};
}

ByteRange int_range(std::string_view first_digits, std::string_view last_digits, uint64_t size) {
  const std::optional<uint64_t> first = parse_position(first_digits);
  const std::optional<uint64_t> last =
      last_digits.empty() ? UINT64_MAX : parse_position(last_digits);
  if (!first || !last || *last < *first) return {};  // invalid: ignored, section 14.2
  if (*first >= size) return {.kind = RangeKind::Unsatisfiable};
  return {.kind = RangeKind::Partial, .first = *first, .last = std::min(*last, size - 1)};
}

}  // namespace

ByteRange parse_range(std::string_view field, uint64_t size) {
  const size_t equals = field.find('=');
  if (equals == std::string_view::npos) return {};
  if (!equals_ignore_case(field.substr(0, equals), "bytes")) return {};
  const std::string_view spec = trim_blanks(field.substr(equals + 1));
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return {};
  // A comma is no digit, so a list of ranges is none that we understand.
  if (dash == 0) return suffix_range(spec.substr(1), size);
  return int_range(spec.substr(0, dash), spec.substr(dash + 1), size);
}

ContentRange::ContentRange(const ByteRange& range, uint64_t size) : text_{} {
  const auto add_text = [this](std::string_view text) {
    std::memcpy(text_.data() + size_, text.data(), text.size());
    size_ += text.size();
  };
  const auto add_number = [this](uint64_t number) {
    char* end = text_.data() + text_.size();
    size_ =
        static_cast<size_t>(std::to_chars(text_.data() + size_, end, number).ptr - text_.data());
  };
  add_text("bytes ");
  if (range.kind == RangeKind::Partial) {
    add_number(range.first);
    add_text("-");
    add_number(range.last);
  } else {
    add_text("*");
  }
  add_text("/");
  add_number(size);
}

}  // namespace sockherd::http
