#include "daemon/http/byteranges.h"

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/writer.h"

namespace sockherd::http {
namespace {

constexpr std::string_view kMultipart = "multipart/byteranges; boundary=";
constexpr std::string_view kDashes = "--";
constexpr std::string_view kContentType = "Content-Type: ";
constexpr std::string_view kContentRange = "Content-Range: ";

}  // namespace

ByterangesContent::ByterangesContent(const RangeSet& set, uint64_t representation_size,
                                     std::string_view media_type, std::string_view boundary)
    : set_(set),
      representation_size_(representation_size),
      media_type_(media_type),
      boundary_(boundary),
      content_type_{} {
  SH_ASSERT(set.kind() == RangeKind::Partial);
  SH_ASSERT(is_all(kTokenByte, boundary) && boundary.size() <= kMaxBoundaryBytes);
  static_assert(kMultipart.size() + kMaxBoundaryBytes ==
                std::tuple_size_v<decltype(content_type_)>);
  Writer writer(content_type_.data());
  writer.add(kMultipart);
  writer.add(boundary);
  content_type_bytes_ = static_cast<size_t>(writer.at() - content_type_.data());
}

uint64_t ByterangesContent::size() const {
  uint64_t size = tail_bytes();
  for (size_t part = 0; part < set_.ranges().size(); ++part) {
    size += part_head_bytes(part) + set_.ranges()[part].size();
  }
  return size;
}

// The line end before a delimiter belongs to it (RFC 2046 section 5.1.1), and not to the content;
// before the first one there is nothing to end.
size_t ByterangesContent::part_head_bytes(size_t part) const {
  const ContentRange range(set_.ranges()[part], representation_size_);
  return (part == 0 ? 0 : kLineEnd.size()) + line_size(kDashes, boundary_) +
         line_size(kContentType, media_type_) + line_size(kContentRange, range.view()) +
         kLineEnd.size();
}

std::string_view ByterangesContent::part_head(size_t part, std::span<char> buffer) const {
  if (part_head_bytes(part) > buffer.size()) return {};
  Writer writer(buffer.data());
  if (part > 0) writer.add(kLineEnd);
  writer.add_line(kDashes, boundary_);
  writer.add_line(kContentType, media_type_);
  writer.add_line(kContentRange, ContentRange(set_.ranges()[part], representation_size_).view());
  writer.add(kLineEnd);
  return {buffer.data(), static_cast<size_t>(writer.at() - buffer.data())};
}

size_t ByterangesContent::tail_bytes() const {
  return kLineEnd.size() + kDashes.size() + boundary_.size() + kDashes.size() + kLineEnd.size();
}

std::string_view ByterangesContent::tail(std::span<char> buffer) const {
  if (tail_bytes() > buffer.size()) return {};
  Writer writer(buffer.data());
  writer.add(kLineEnd);
  writer.add(kDashes);
  writer.add(boundary_);
  writer.add(kDashes);
  writer.add(kLineEnd);
  return {buffer.data(), tail_bytes()};
}

}  // namespace sockherd::http
