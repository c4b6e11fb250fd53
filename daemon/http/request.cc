#include "daemon/http/request.h"

#include <algorithm>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/cursor.h"
#include "daemon/http/field_line.h"
#include "daemon/http/request_line.h"
#include "daemon/http/steering.h"

// How a head is judged, so that the verdict never depends on how its bytes were cut into packets:
// the bytes are judged from left to right, each as soon as it is there; what fields mean (framing,
// Host, Expect) is judged at the empty line, when all of them are known. So a prefix of a head is
// either Incomplete or already refused for the reason that the whole would be refused for.
namespace sockherd::http {
namespace {

Outcome read_fields(Cursor& cursor, size_t max_fields, RequestHead& head, const char*& line) {
  Steering steering;
  size_t count = 0;  // goes on behind the limit: the verdict about it falls at the empty line
  Field surplus;
  for (;;) {
    line = cursor.at;
    if (cursor.at == cursor.end) return Outcome::NeedMore;
    if (*cursor.at == '\r') break;
    Field& field = count < max_fields ? head.storage[count] : surplus;
    const Outcome outcome = read_field(cursor, field);
    if (outcome != Outcome::Done) return outcome;
    steering.note(field);
    ++count;
  }
  const Outcome outcome = read_line_end(cursor, "");
  if (outcome != Outcome::Done) return outcome;
  if (count > max_fields) return cursor.refuse(431, "too many fields");
  head.field_count = count;
  return steering.judge(cursor, head);
}

// All but the storage, of which only field_count elements count.
void reset(RequestHead& head) {
  head.method = Method::Unknown;
  head.method_text = {};
  head.target = {};
  head.form = TargetForm::Origin;
  head.path = {};
  head.query = {};
  head.host = {};
  head.minor_version = 1;
  head.body = BodyKind::None;
  head.content_length = 0;
  head.keep_alive = true;
  head.expect_continue = false;
  head.upgrade = false;
  head.field_count = 0;
}

ParseResult incomplete_or_too_long(size_t size, size_t max_bytes, bool in_request_line) {
  if (size < max_bytes) return {};
  if (in_request_line) {
    return {.state = ParseState::Refused, .status = 414, .reason = "request line too long"};
  }
  return {.state = ParseState::Refused, .status = 431, .reason = "fields too long"};
}

}  // namespace

std::string_view method_name(Method method) {
  switch (method) {
    case Method::Get:
      return "GET";
    case Method::Head:
      return "HEAD";
    case Method::Post:
      return "POST";
    case Method::Put:
      return "PUT";
    case Method::Delete:
      return "DELETE";
    case Method::Patch:
      return "PATCH";
    case Method::Options:
      return "OPTIONS";
    case Method::Trace:
      return "TRACE";
    case Method::Connect:
      return "CONNECT";
    case Method::Unknown:
      break;
  }
  return "unknown";
}

std::string_view RequestHead::field(std::string_view name) const {
  for (const Field& candidate : fields()) {
    if (equals_ignore_case(candidate.name, name)) return candidate.value;
  }
  return {};
}

ParseResult parse_request_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head,
                               size_t& scanned) {
  const char* begin = bytes.data();
  const char* end = begin + std::min(bytes.size(), limits.max_bytes);
  SH_ASSERT(scanned <= static_cast<size_t>(end - begin));
  // `scanned` is 0 within the request line: it is short, and its verdict needs no other line.
  if (scanned > 0 && read_on(begin, end, scanned) == Outcome::NeedMore) {
    const ParseResult result = incomplete_or_too_long(bytes.size(), limits.max_bytes, false);
    if (result.state == ParseState::Incomplete) return result;
  }
  reset(head);
  scanned = 0;
  Cursor cursor{.at = begin, .end = end};
  const char* line = begin;
  Outcome outcome = read_request_line(cursor, limits.max_target_bytes, head);
  const bool in_request_line = outcome != Outcome::Done;
  if (outcome == Outcome::Done) {
    const size_t max_fields = std::min(limits.max_fields, RequestHead::kMaxFields);
    outcome = read_fields(cursor, max_fields, head, line);
  }
  switch (outcome) {
    case Outcome::Done:
      return {.state = ParseState::Complete, .consumed = static_cast<size_t>(cursor.at - begin)};
    case Outcome::Refused:
      return {.state = ParseState::Refused, .status = cursor.status, .reason = cursor.reason};
    case Outcome::NeedMore:
      break;
  }
  const ParseResult result =
      incomplete_or_too_long(bytes.size(), limits.max_bytes, in_request_line);
  if (result.state == ParseState::Incomplete) scanned = static_cast<size_t>(line - begin);
  return result;
}

}  // namespace sockherd::http
