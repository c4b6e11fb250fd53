// The content of a 206 with several ranges: multipart/byteranges (RFC 9110 section 14.6).
//
//   const ByterangesContent content(set, size, media_type, boundary);
//   head: Content-Type: content.content_type(), Content-Length: content.size()
//   for each part: its head, then the bytes of its range; at the end the tail
//
// Pure, no allocation. For more than one range only: a single one MUST NOT be multipart (section
// 15.3.7.2). The head of such an answer has no Content-Range; the parts have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/range.h"

namespace sockherd::http {

class ByterangesContent {
 public:
  static constexpr size_t kMaxBoundaryBytes = 70;  // RFC 2046 section 5.1.1

  // set: borrowed, Partial. representation_size: of all of it, below 2^63. media_type: borrowed, of
  // each part; "" leaves the line out. boundary: borrowed, letters and digits, at most
  // kMaxBoundaryBytes, and not in the content: random, since whoever can guess it and write into
  // the file can forge parts.
  ByterangesContent(const RangeSet& set, uint64_t representation_size, std::string_view media_type,
                    std::string_view boundary);

  // Of the whole answer.
  std::string_view content_type() const { return {content_type_.data(), content_type_bytes_}; }
  uint64_t size() const;

  // What stands before the bytes of range `part`. Empty where the buffer is too small.
  std::string_view part_head(size_t part, std::span<char> buffer) const;
  size_t part_head_bytes(size_t part) const;

  // What stands behind the last range. Empty where the buffer is too small.
  std::string_view tail(std::span<char> buffer) const;
  size_t tail_bytes() const;

 private:
  const RangeSet& set_;
  uint64_t representation_size_;
  std::string_view media_type_;
  std::string_view boundary_;
  size_t content_type_bytes_ = 0;
  std::array<char, 31 + kMaxBoundaryBytes> content_type_;
};

}  // namespace sockherd::http
