// Field lines (RFC 9112 section 5), as the parsers of both heads read them.
//
// Internal: request.cc and response_head.cc share it.
#pragma once

#include <cstddef>

#include "daemon/http/characters.h"
#include "daemon/http/cursor.h"
#include "daemon/http/request.h"

namespace sockherd::http {

inline Outcome refuse_name(Cursor& cursor, const char* start) {
  const char byte = *cursor.at;
  if (!is_blank(byte)) return cursor.bad_request("bad byte in a field name");
  // RFC 9112 section 5.2 (obs-fold MUST be refused or unfolded), 2.2 (blanks before the first
  // field), 5.1 (no blank between name and colon: MUST be refused).
  return cursor.bad_request(cursor.at == start ? "line begins with a blank (obs-fold)"
                                               : "blank before the colon of a field");
}

// RFC 9112 section 5: field-line = field-name ":" OWS field-value OWS, and its CRLF. RFC 9110
// section 5.5: CR, LF and NUL in a value MUST be refused; we refuse all other controls as well.
// Bytes from 0x80 on are opaque (obs-text).
inline Outcome read_field(Cursor& cursor, Field& field) {
  const char* start = cursor.at;
  cursor.at = skip(kTokenByte, start, cursor.end);
  if (cursor.at == cursor.end) return Outcome::NeedMore;
  if (*cursor.at != ':' || cursor.at == start) return refuse_name(cursor, start);
  field.name = view(start, cursor.at);
  ++cursor.at;
  while (cursor.at != cursor.end && is_blank(*cursor.at)) ++cursor.at;
  const char* value = cursor.at;
  cursor.at = skip_field_bytes(value, cursor.end);
  const char* value_end = cursor.at;
  while (value_end != value && is_blank(value_end[-1])) --value_end;
  field.value = view(value, value_end);
  return read_line_end(cursor, "bad byte in a field value");
}

// Reads on from the unfinished field line at `scanned`, which moves to the one that is unfinished
// now. Anything but NeedMore is for the whole parse to say again, with the head filled in. Costs
// one look at the line a call, and not at the head.
inline Outcome read_on(const char* begin, const char* end, size_t& scanned) {
  Cursor cursor{.at = begin + scanned, .end = end};
  Field field;
  for (;;) {
    scanned = static_cast<size_t>(cursor.at - begin);
    if (cursor.at == cursor.end) return Outcome::NeedMore;
    if (*cursor.at == '\r') return read_line_end(cursor, "");
    const Outcome outcome = read_field(cursor, field);
    if (outcome != Outcome::Done) return outcome;
  }
}

}  // namespace sockherd::http
