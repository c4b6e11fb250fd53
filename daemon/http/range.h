// One range of bytes (RFC 9110 section 14): which part of a representation a Range field asks for.
//
// Several ranges are answered with the whole representation, as section 14.2 allows: multipart
// answers are rarely wanted and easily abused. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sockherd::http {

enum class RangeKind : uint8_t {
  Whole,         // 200: no range that we understand
  Partial,       // 206
  Unsatisfiable  // 416
};

struct ByteRange {
  RangeKind kind = RangeKind::Whole;
  uint64_t first = 0;  // Partial only; first <= last < size
  uint64_t last = 0;

  uint64_t size() const { return last - first + 1; }
};

// field: the value of the Range field, where evaluate_conditions says that it counts. size: of the
// representation.
ByteRange parse_range(std::string_view field, uint64_t size);

// The value of Content-Range: "bytes 0-4/10" of a partial answer, "bytes */10" of a 416.
class ContentRange {
 public:
  ContentRange(const ByteRange& range, uint64_t size);
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, 72> text_;  // "bytes ", three numbers of 20 digits, "-" and "/"
  size_t size_ = 0;
};

}  // namespace sockherd::http
