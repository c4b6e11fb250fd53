// Ranges of bytes (RFC 9110 section 14): which parts of a representation a Range field asks for.
//
// Pure. What several parts look like on the wire is byteranges.h; whether the field counts at all
// is conditional.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sockherd::http {

enum class RangeKind : uint8_t {
  Whole,         // 200: no ranges, or none that we take seriously
  Partial,       // 206: of one range, or multipart of several
  Unsatisfiable  // 416
};

struct ByteRange {
  uint64_t first = 0;  // first <= last < size of the representation
  uint64_t last = 0;

  uint64_t size() const { return last - first + 1; }
  bool operator==(const ByteRange&) const = default;
};

// Partial: at least one range, no two of which overlap or touch, in the order they were asked for.
// So what is answered is never more than the representation and a head for each part.
class RangeSet {
 public:
  static constexpr size_t kMaxRanges = 16;  // asked for; more is abuse (section 14.2) and ignored

  RangeSet() = default;  // Whole
  explicit RangeSet(RangeKind kind) : kind_(kind) {}

  RangeKind kind() const { return kind_; }
  std::span<const ByteRange> ranges() const { return {ranges_.data(), count_}; }

  // Makes it Partial. Unites the range with those that it overlaps or touches. Requires: not more
  // than kMaxRanges calls.
  void add(ByteRange range);

 private:
  RangeKind kind_ = RangeKind::Whole;
  size_t count_ = 0;
  std::array<ByteRange, kMaxRanges> ranges_;
};

// field: the value of the Range field, where evaluate_conditions says that it counts. size: of the
// representation.
RangeSet parse_ranges(std::string_view field, uint64_t size);

// The value of Content-Range: "bytes 0-4/10" of a part, "bytes */10" of a 416.
class ContentRange {
 public:
  ContentRange(const ByteRange& range, uint64_t size);
  static ContentRange unsatisfied(uint64_t size) { return ContentRange(size); }

  std::string_view view() const { return {text_.data(), size_}; }

 private:
  explicit ContentRange(uint64_t size);

  std::array<char, 72> text_;  // "bytes ", three numbers of 20 digits, "-" and "/"
  size_t size_ = 0;
};

}  // namespace sockherd::http
