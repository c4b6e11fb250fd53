#include "daemon/http/range.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/writer.h"

namespace sockherd::http {
namespace {

// What one range-spec comes to.
struct Spec {
  enum class Kind : uint8_t { Invalid, Unsatisfiable, EmptySuffix, Range } kind = Kind::Invalid;
  ByteRange range{};
};

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

// "-5": the last bytes. None of them is a range that can not be had, whatever the size. Some of an
// empty representation is satisfiable, and nothing that a 206 could say (RFC 9110 section 14.1.2).
Spec suffix_range(std::string_view digits, uint64_t size) {
  const std::optional<uint64_t> length = parse_position(digits);
  if (!length) return {};
  if (*length == 0) return {.kind = Spec::Kind::Unsatisfiable};
  if (size == 0) return {.kind = Spec::Kind::EmptySuffix};
  return {.kind = Spec::Kind::Range,
          .range = {.first = size - std::min(*length, size), .last = size - 1}};
}

Spec int_range(std::string_view first_digits, std::string_view last_digits, uint64_t size) {
  const std::optional<uint64_t> first = parse_position(first_digits);
  const std::optional<uint64_t> last =
      last_digits.empty() ? UINT64_MAX : parse_position(last_digits);
  if (!first || !last || *last < *first) return {};  // section 14.1.1
  if (*first >= size) return {.kind = Spec::Kind::Unsatisfiable};
  return {.kind = Spec::Kind::Range, .range = {.first = *first, .last = std::min(*last, size - 1)}};
}

Spec parse_spec(std::string_view text, uint64_t size) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return {};
  if (dash == 0) return suffix_range(text.substr(1), size);
  return int_range(text.substr(0, dash), text.substr(dash + 1), size);
}

bool overlap_or_touch(const ByteRange& a, const ByteRange& b) {
  const ByteRange& low = a.first <= b.first ? a : b;
  const ByteRange& high = a.first <= b.first ? b : a;
  return high.first <= low.last || high.first - 1 == low.last;
}

ByteRange united(const ByteRange& a, const ByteRange& b) {
  return {.first = std::min(a.first, b.first), .last = std::max(a.last, b.last)};
}

}  // namespace

// RFC 9110 section 15.3.7.2: ranges that overlap may be united, wherever they stood. The union
// takes the place of the first of them; it may now touch others, so those are looked at again.
void RangeSet::add(ByteRange range) {
  kind_ = RangeKind::Partial;
  size_t place = count_;
  for (size_t i = 0; i < count_;) {
    if (!overlap_or_touch(ranges_[i], range)) {
      ++i;
      continue;
    }
    range = united(ranges_[i], range);
    place = std::min(place, i);
    std::copy(ranges_.begin() + static_cast<ptrdiff_t>(i) + 1,
              ranges_.begin() + static_cast<ptrdiff_t>(count_),
              ranges_.begin() + static_cast<ptrdiff_t>(i));
    --count_;
    i = 0;
  }
  SH_ASSERT(count_ < kMaxRanges);
  std::copy_backward(ranges_.begin() + static_cast<ptrdiff_t>(place),
                     ranges_.begin() + static_cast<ptrdiff_t>(count_),
                     ranges_.begin() + static_cast<ptrdiff_t>(count_) + 1);
  ranges_[place] = range;
  ++count_;
}

// RFC 9110 section 14.1.1: ranges-specifier = range-unit "=" 1#range-spec. One bad element makes
// all of it invalid, and then it is ignored (section 14.2); elements that can not be had are left
// out where there is another one.
RangeSet parse_ranges(std::string_view field, uint64_t size) {
  const size_t equals = field.find('=');
  if (equals == std::string_view::npos) return {};
  if (!equals_ignore_case(field.substr(0, equals), "bytes")) return {};
  RangeSet set(RangeKind::Unsatisfiable);
  bool empty_suffix = false;
  size_t count = 0;
  std::string_view list = field.substr(equals + 1);
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = list.find(',');
    const std::string_view text = trim_blanks(list.substr(0, comma));
    if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
    if (text.empty()) continue;  // MUST be tolerated, section 5.6.1.2
    if (++count > RangeSet::kMaxRanges) return {};
    const Spec spec = parse_spec(text, size);
    if (spec.kind == Spec::Kind::Invalid) return {};
    if (spec.kind == Spec::Kind::EmptySuffix) empty_suffix = true;
    if (spec.kind == Spec::Kind::Range) set.add(spec.range);
  }
  return count == 0 || empty_suffix ? RangeSet() : set;
}

ContentRange::ContentRange(const ByteRange& range, uint64_t size) : text_{} {
  Writer writer(text_.data());
  writer.add("bytes ");
  writer.add(range.first);
  writer.add("-");
  writer.add(range.last);
  writer.add("/");
  writer.add(size);
  size_ = static_cast<size_t>(writer.at() - text_.data());
}

ContentRange::ContentRange(uint64_t size) : text_{} {
  Writer writer(text_.data());
  writer.add("bytes */");
  writer.add(size);
  size_ = static_cast<size_t>(writer.at() - text_.data());
}

}  // namespace sockherd::http
