#include "daemon/http/response_head.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/connection_options.h"
#include "daemon/http/content_rule.h"
#include "daemon/http/cursor.h"
#include "daemon/http/field_line.h"
#include "daemon/http/field_runs.h"

// As in request.cc: bytes are judged from left to right, each as soon as it is there; what fields
// mean together is judged at the empty line. So the verdict never depends on how the bytes were cut
// into packets.
namespace sockherd::http {
namespace {

constexpr size_t kVersionBytes = 8;  // HTTP/1.1

// RFC 9112 section 2.3, as for requests: case-sensitive, a digit each. Another major version, and
// what is no HTTP at all, is nothing that we could forward.
Outcome read_version(Cursor& cursor, ReceivedHead& head) {
  const std::string_view text = view(cursor.at, cursor.end).substr(0, kVersionBytes);
  if (text != "HTTP/1.1") [[unlikely]] {
    constexpr std::string_view kPrefix = "HTTP/1.";
    const size_t size = std::min(text.size(), kPrefix.size());
    if (text.substr(0, size) != kPrefix.substr(0, size)) {
      return cursor.bad_request("not HTTP/1.0 or HTTP/1.1");
    }
    if (text.size() < kVersionBytes) return Outcome::NeedMore;
    if (!is_digit(text[7])) return cursor.bad_request("bad HTTP version");
    head.minor_version = text[7] == '0' ? 0 : 1;
  }
  cursor.at += kVersionBytes;
  return Outcome::Done;
}

// RFC 9112 section 4: exactly one blank, three digits. RFC 9110 section 15: 100 to 599 have a
// meaning; a client would have to take any other for a 5xx, and a cache might not.
Outcome read_status(Cursor& cursor, ReceivedHead& head) {
  constexpr size_t kSize = 4;
  const std::string_view text = view(cursor.at, cursor.end).substr(0, kSize);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool good = i == 0 ? text[0] == ' ' : is_digit(text[i]);
    if (!good) return cursor.bad_request("bad status code");
    if (i == 1 && (text[1] < '1' || text[1] > '5')) {
      return cursor.bad_request("status outside of 100 to 599");
    }
  }
  if (text.size() < kSize) return Outcome::NeedMore;
  head.status = (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0');
  cursor.at += kSize;
  return Outcome::Done;
}

// RFC 9112 section 4: the blank before the reason MUST be sent, and many leave it out where there
// is none. Nobody can misread that.
Outcome read_reason(Cursor& cursor, ReceivedHead& head) {
  if (cursor.at == cursor.end) return Outcome::NeedMore;
  if (*cursor.at == ' ') {
    const char* start = cursor.at + 1;
    cursor.at = skip_field_bytes(start, cursor.end);
    head.reason_phrase = view(start, cursor.at);
  } else if (*cursor.at != '\r' && *cursor.at != '\n') {
    return cursor.bad_request("bad status code");
  }
  return read_line_end(cursor, "bad byte in the reason phrase");
}

Outcome read_status_line(Cursor& cursor, ReceivedHead& head) {
  Outcome outcome = read_version(cursor, head);
  if (outcome == Outcome::Done) outcome = read_status(cursor, head);
  if (outcome == Outcome::Done) outcome = read_reason(cursor, head);
  return outcome;
}

// What the fields say of framing and connection: collected while reading, judged at the empty line.
class Reading {
 public:
  explicit Reading(ReceivedHead& head) : head_(head) {}

  void note(const Field& field, size_t index) {
    const auto is = [&field](const auto& name) { return token_is(field.name, name); };
    switch (field.name.size()) {
      case 4:
        if (is("date")) head_.has_date = true;
        break;
      case 7:
        if (is("upgrade")) note_upgrade(index);
        break;
      case 10:
        if (is("connection")) note_connection(field.value, index);
        if (is("keep-alive")) drop(index);
        break;
      case 14:
        if (is("content-length")) note_length(field.value, index);
        break;
      case 16:
        if (is("proxy-connection")) drop(index);
        break;
      case 17:
        if (is("transfer-encoding")) note_coding(field.value, index);
        break;
      case 18:
        // Of the hop before a proxy that asks for credentials; we ask for none (RFC 9110 section
        // 11.7.1).
        if (is("proxy-authenticate")) drop(index);
        break;
      default:
        break;
    }
  }

  Outcome judge(Cursor& cursor, const AskedFor& asked);

 private:
  void drop(size_t index) {
    if (index < ReceivedHead::kMaxFields) drop_field(head_.hop_by_hop, index);
  }
  // In 426 it says to which protocol, too (RFC 9110 section 15.5.22).
  void note_upgrade(size_t index) {
    upgrade_field_ = true;
    if (head_.status != 101 && head_.status != 426) drop(index);
  }
  void note_connection(std::string_view value, size_t index) {
    options_.add(value);
    drop(index);
  }
  void note_length(std::string_view value, size_t index) {
    length_ = value;
    ++lengths_;
    drop(index);
  }
  void note_coding(std::string_view value, size_t index) {
    coding_ = value;
    ++codings_;
    drop(index);
  }

  Outcome judge_length(Cursor& cursor);
  Outcome judge_coding(Cursor& cursor) const;
  Outcome judge_switch(Cursor& cursor, const AskedFor& asked);
  void decide_framing(const AskedFor& asked);
  void drop_nominated();

  ReceivedHead& head_;
  ConnectionOptions options_;
  std::string_view length_;
  std::string_view coding_;
  size_t lengths_ = 0;
  size_t codings_ = 0;
  bool upgrade_field_ = false;
};

// RFC 9110 section 8.6: 1*DIGIT; it lets a recipient take a repeated equal value. As for requests,
// we take only what every hop reads alike.
Outcome Reading::judge_length(Cursor& cursor) {
  if (lengths_ > 1) return cursor.bad_request("repeated Content-Length");
  const char* end = length_.data() + length_.size();
  const auto [stop, error] = std::from_chars(length_.data(), end, head_.content_length);
  if (error != std::errc{} || stop != end) return cursor.bad_request("bad Content-Length");
  head_.has_content_length = true;
  return Outcome::Done;
}

// RFC 9112 section 6.1: Transfer-Encoding of HTTP/1.0 is faulty framing. Section 6.3 would let a
// response whose last coding is not chunked end with the connection; with "gzip, chunked" the
// client could not read what we send on. Whom we have not told TE has no reason for either.
Outcome Reading::judge_coding(Cursor& cursor) const {
  if (head_.minor_version == 0) return cursor.bad_request("Transfer-Encoding in HTTP/1.0");
  if (codings_ > 1) return cursor.bad_request("repeated Transfer-Encoding");
  if (!equals_ignore_case(coding_, "chunked")) {
    return cursor.bad_request("transfer coding other than chunked");
  }
  return Outcome::Done;
}

// RFC 9110 section 15.2.2 and 7.8: 101 comes only to a request with Upgrade, and says to what.
Outcome Reading::judge_switch(Cursor& cursor, const AskedFor& asked) {
  if (!asked.upgrade) return cursor.bad_request("101 that was not asked for");
  if (head_.minor_version == 0) return cursor.bad_request("101 in HTTP/1.0");
  if (!upgrade_field_ || !options_.upgrade()) return cursor.bad_request("101 without Upgrade");
  return Outcome::Done;
}

// RFC 9112 section 6.3, in the order of its list.
void Reading::decide_framing(const AskedFor& asked) {
  const ContentRule rule = content_rule(asked.method, head_.status);
  if (rule == ContentRule::None || rule == ContentRule::Unsent) {
    head_.framing = Framing::None;
  } else if (codings_ > 0) {
    head_.framing = Framing::Chunked;
  } else if (lengths_ > 0) {
    head_.framing = Framing::Length;
  } else {
    head_.framing = Framing::UntilClose;
  }
  // Neither may stand in a 204 (RFC 9110 section 8.6, RFC 9112 section 6.1). "Content-Length: 0"
  // is common and harmless; who says more may mean it, and send it.
  const bool odd = rule == ContentRule::None && (codings_ > 0 || head_.content_length > 0);
  head_.keep_alive = !options_.close() && (head_.minor_version > 0 || options_.keep_alive()) &&
                     head_.framing != Framing::UntilClose && head_.status != 101 && !odd;
}

void Reading::drop_nominated() {
  if (!options_.names_fields()) return;
  for (size_t i = 0; i < head_.field_count; ++i) {
    if (!options_.names(head_.storage[i].name)) continue;
    drop(i);
    if (equals_ignore_case(head_.storage[i].name, "date")) head_.has_date = false;
  }
}

Outcome Reading::judge(Cursor& cursor, const AskedFor& asked) {
  if (lengths_ > 0 && codings_ > 0) {
    return cursor.bad_request("Content-Length and Transfer-Encoding");
  }
  Outcome outcome = Outcome::Done;
  if (lengths_ > 0) outcome = judge_length(cursor);
  if (outcome == Outcome::Done && codings_ > 0) outcome = judge_coding(cursor);
  if (outcome != Outcome::Done) return outcome;
  if (head_.status < 200) {
    // RFC 9112 section 6.1, RFC 9110 section 8.6. Behind a 1xx that is said to have content, the
    // two sides could see the response begin at different places.
    if (codings_ > 0 || head_.content_length > 0) {
      return cursor.bad_request("1xx with content");
    }
    if (head_.status == 101) outcome = judge_switch(cursor, asked);
    if (outcome != Outcome::Done) return outcome;
  }
  if (options_.overflows()) return cursor.bad_request("too many Connection options");
  decide_framing(asked);
  drop_nominated();
  return Outcome::Done;
}

Outcome read_fields(Cursor& cursor, size_t max_fields, const AskedFor& asked, ReceivedHead& head,
                    const char*& line) {
  Reading reading(head);
  const char* first = cursor.at;
  size_t count = 0;  // goes on behind the limit: the verdict about it falls at the empty line
  Field surplus;
  for (;;) {
    line = cursor.at;
    if (cursor.at == cursor.end) return Outcome::NeedMore;
    if (*cursor.at == '\r') break;
    Field& field = count < max_fields ? head.storage[count] : surplus;
    const Outcome outcome = read_field(cursor, field);
    if (outcome != Outcome::Done) return outcome;
    reading.note(field, count);
    ++count;
  }
  const Outcome outcome = read_line_end(cursor, "");
  if (outcome != Outcome::Done) return outcome;
  if (count > max_fields) return cursor.bad_request("too many fields");
  head.field_count = count;
  head.field_lines = view(first, line);
  return reading.judge(cursor, asked);
}

// All but the storage, of which only field_count elements count.
void reset(ReceivedHead& head) {
  head.status = 0;
  head.minor_version = 1;
  head.reason_phrase = {};
  head.framing = Framing::None;
  head.has_content_length = false;
  head.content_length = 0;
  head.keep_alive = true;
  head.has_date = false;
  head.field_count = 0;
  head.field_lines = {};
  head.hop_by_hop.fill(0);
}

ParseResult refused(const char* reason) {
  return {.state = ParseState::Refused, .status = 502, .reason = reason};
}

ParseResult incomplete_or_too_long(size_t size, size_t max_bytes) {
  return size < max_bytes ? ParseResult{} : refused("response head too long");
}

}  // namespace

std::string_view ReceivedHead::field(std::string_view name) const {
  for (const Field& candidate : fields()) {
    if (equals_ignore_case(candidate.name, name)) return candidate.value;
  }
  return {};
}

ParseResult parse_response_head(std::string_view bytes, const ResponseLimits& limits,
                                const AskedFor& asked, ReceivedHead& head, size_t& scanned) {
  const char* begin = bytes.data();
  const char* end = begin + std::min(bytes.size(), limits.max_bytes);
  SH_ASSERT(scanned <= static_cast<size_t>(end - begin));
  // `scanned` is 0 within the status line: its verdict needs no other line.
  if (scanned > 0 && read_on(begin, end, scanned) == Outcome::NeedMore) {
    const ParseResult result = incomplete_or_too_long(bytes.size(), limits.max_bytes);
    if (result.state == ParseState::Incomplete) return result;
  }
  reset(head);
  scanned = 0;
  Cursor cursor{.at = begin, .end = end};
  const char* line = begin;
  Outcome outcome = read_status_line(cursor, head);
  if (outcome == Outcome::Done) {
    const size_t max_fields = std::min(limits.max_fields, ReceivedHead::kMaxFields);
    outcome = read_fields(cursor, max_fields, asked, head, line);
  }
  switch (outcome) {
    case Outcome::Done:
      return {.state = ParseState::Complete, .consumed = static_cast<size_t>(cursor.at - begin)};
    case Outcome::Refused:
      return refused(cursor.reason);
    case Outcome::NeedMore:
      break;
  }
  const ParseResult result = incomplete_or_too_long(bytes.size(), limits.max_bytes);
  if (result.state == ParseState::Incomplete) scanned = static_cast<size_t>(line - begin);
  return result;
}

BodyReader body_of(const ReceivedHead& head) {
  switch (head.framing) {
    case Framing::None:
      break;
    case Framing::Length:
      return {BodyKind::Length, head.content_length, UINT64_MAX};
    case Framing::Chunked:
      return {BodyKind::Chunked, 0, UINT64_MAX};
    case Framing::UntilClose:
      return {BodyKind::Length, UINT64_MAX, UINT64_MAX};
  }
  return {};
}

}  // namespace sockherd::http
