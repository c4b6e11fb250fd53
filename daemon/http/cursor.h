// Where the parser of a head stands in the bytes, and the ends of its lines.
//
// Internal: the parsers of heads and what they are made of share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sockherd::http {

enum class Outcome : uint8_t { Done, NeedMore, Refused };

// Where the parser stands in the bytes, and why it went no further.
struct Cursor {
  const char* at;
  const char* end;
  int status = 0;
  const char* reason = "";

  Outcome refuse(int with_status, const char* because) {
    status = with_status;
    reason = because;
    return Outcome::Refused;
  }
  Outcome bad_request(const char* because) { return refuse(400, because); }
};

inline std::string_view view(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

// CRLF and nothing else. RFC 9112 section 2.2 would let us take a bare LF for a line end; a proxy
// before us may see it differently, which is how requests are smuggled. A bare CR it forbids.
inline Outcome judge_line_end(Cursor& cursor, const char* otherwise) {
  if (cursor.at == cursor.end) return Outcome::NeedMore;
  if (*cursor.at == '\n') return cursor.bad_request("bare LF");
  if (*cursor.at != '\r') return cursor.bad_request(otherwise);
  if (cursor.end - cursor.at < 2) return Outcome::NeedMore;
  if (cursor.at[1] != '\n') return cursor.bad_request("bare CR");
  cursor.at += 2;
  return Outcome::Done;
}

// The same, with the usual case in line.
inline Outcome read_line_end(Cursor& cursor, const char* otherwise) {
  if (cursor.end - cursor.at >= 2 && cursor.at[0] == '\r' && cursor.at[1] == '\n') [[likely]] {
    cursor.at += 2;
    return Outcome::Done;
  }
  return judge_line_end(cursor, otherwise);
}

}  // namespace sockherd::http
