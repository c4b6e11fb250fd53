#include "daemon/http/path.h"

#include <cstddef>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

struct DecodedByte {
  PathFault fault = PathFault::None;
  char byte = 0;
  size_t consumed = 1;  // 3: it was escaped
};

PathFault fault_of(char byte) {
  if (byte == '\\') return PathFault::Backslash;
  if (byte == '\0') return PathFault::EncodedNul;
  const auto code = static_cast<unsigned char>(byte);
  return code < 0x20 || code == 0x7f ? PathFault::Control : PathFault::None;
}

DecodedByte decode_front(std::string_view text) {
  if (text.front() != '%') return {.fault = fault_of(text.front()), .byte = text.front()};
  if (text.size() < 3) return {.fault = PathFault::BadEscape};
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  if (high < 0 || low < 0) return {.fault = PathFault::BadEscape};
  const char byte = static_cast<char>(high << 4 | low);
  return {.fault = fault_of(byte), .byte = byte, .consumed = 3};
}

// The plain path while it grows: every finished segment is followed by its slash.
class Builder {
 public:
  explicit Builder(char* out) : out_(out) { out_[size_++] = '/'; }

  void add(char byte) { out_[size_++] = byte; }

  // At a slash or at the end: dot segments vanish, others stay. Decoded first and then looked at,
  // because "%2e" is a dot (RFC 3986 section 6.2.2.2).
  PathFault end_segment() {
    const std::string_view segment(out_ + segment_, size_ - segment_);
    const bool parent = segment == "..";
    if (parent || segment == ".") {
      size_ = segment_;
      has_dots_ = true;
    }
    return parent ? drop_segment() : PathFault::None;
  }

  void begin_segment() {
    if (out_[size_ - 1] != '/') add('/');
    segment_ = size_;
  }

  std::string_view view() const { return {out_, size_}; }
  bool has_dots() const { return has_dots_; }

 private:
  PathFault drop_segment() {
    if (size_ == 1) return PathFault::AboveRoot;
    do {
      --size_;
    } while (out_[size_ - 1] != '/');
    segment_ = size_;
    return PathFault::None;
  }

  char* out_;
  size_t size_ = 0;
  size_t segment_ = 1;  // where the current segment begins
  bool has_dots_ = false;
};

// Whether it is a plain path as it stands, as most are. False for some that are, such as those with
// a name that begins with a dot.
bool is_plain(std::string_view path) {
  const char* at = path.data();
  const char* end = at + path.size();
  while (at != end && *at == '/') {
    ++at;
    if (at != end && (*at == '.' || *at == '/')) return false;
    at = skip(kPlainByte, at, end);
  }
  return at == end;
}

}  // namespace

PlainPath plain_path(std::string_view encoded, std::span<char> buffer) {
  if (encoded.empty() || encoded.front() != '/') return {.fault = PathFault::NotAbsolute};
  if (is_plain(encoded)) return {.path = encoded};
  if (buffer.size() < encoded.size()) return {.fault = PathFault::NoRoom};
  Builder builder(buffer.data());
  std::string_view rest = encoded.substr(1);
  bool has_escaped_slash = false;
  while (!rest.empty()) {
    const DecodedByte decoded = decode_front(rest);
    if (decoded.fault != PathFault::None) return {.fault = decoded.fault};
    rest.remove_prefix(decoded.consumed);
    if (decoded.byte != '/') {
      builder.add(decoded.byte);
      continue;
    }
    has_escaped_slash |= decoded.consumed > 1;
    const PathFault fault = builder.end_segment();
    if (fault != PathFault::None) return {.fault = fault};
    builder.begin_segment();
  }
  const PathFault fault = builder.end_segment();
  if (fault != PathFault::None) return {.fault = fault};
  if (has_escaped_slash && builder.has_dots()) return {.fault = PathFault::EncodedSlash};
  return {.path = builder.view(),
          .has_escaped_slash = has_escaped_slash,
          .had_dots = builder.has_dots()};
}

const char* describe(PathFault fault) {
  switch (fault) {
    case PathFault::None:
      return "";
    case PathFault::NotAbsolute:
      return "path does not begin with a slash";
    case PathFault::BadEscape:
      return "bad escape in the path";
    case PathFault::EncodedNul:
      return "encoded NUL in the path";
    case PathFault::EncodedSlash:
      return "encoded slash and dot segments in the path";
    case PathFault::Backslash:
      return "backslash in the path";
    case PathFault::Control:
      return "control character in the path";
    case PathFault::AboveRoot:
      return "path climbs above the root";
    case PathFault::NoRoom:
      return "path too long";
  }
  return "";
}

}  // namespace sockherd::http
