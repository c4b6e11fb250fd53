#include "daemon/http/request.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "daemon/base/assert.h"
#include "daemon/http/authority.h"
#include "daemon/http/characters.h"

// How a head is judged, so that the verdict never depends on how its bytes were cut into packets:
// the bytes are judged from left to right, each as soon as it is there; what fields mean (framing,
// Host, Expect) is judged at the empty line, when all of them are known. So a prefix of a head is
// either Incomplete or already refused for the reason that the whole would be refused for.
namespace sockherd::http {
namespace {

// Longer than every registered method. RFC 9112 section 3: a longer one SHOULD be answered with
// 501.
constexpr size_t kMaxMethodBytes = 64;

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

std::string_view view(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

// CRLF and nothing else. RFC 9112 section 2.2 would let us take a bare LF for a line end; a proxy
// before us may see it differently, which is how requests are smuggled. A bare CR it forbids.
Outcome judge_line_end(Cursor& cursor, const char* otherwise) {
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

// RFC 9110 section 9.1: case-sensitive.
Method method_of(std::string_view text) {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::Get;
      if (text == "PUT") return Method::Put;
      break;
    case 4:
      if (text == "HEAD") return Method::Head;
      if (text == "POST") return Method::Post;
      break;
    case 5:
      if (text == "PATCH") return Method::Patch;
      if (text == "TRACE") return Method::Trace;
      break;
    case 6:
      if (text == "DELETE") return Method::Delete;
      break;
    case 7:
      if (text == "OPTIONS") return Method::Options;
      if (text == "CONNECT") return Method::Connect;
      break;
    default:
      break;
  }
  return Method::Unknown;
}

// RFC 9112 section 3.1: method = token, then exactly one blank (section 3 allows to be lenient; we
// are not).
Outcome read_method(Cursor& cursor, RequestHead& head) {
  const char* start = cursor.at;
  cursor.at = skip(kTokenByte, start, cursor.end);
  head.method_text = view(start, cursor.at);
  if (head.method_text.size() > kMaxMethodBytes) return cursor.refuse(501, "method too long");
  if (cursor.at == cursor.end) return Outcome::NeedMore;
  if (*cursor.at != ' ' || head.method_text.empty()) {
    const bool is_tls = head.method_text.empty() && *cursor.at == 0x16;  // a handshake record
    return cursor.bad_request(is_tls ? "TLS on a plain-text port" : "bad method");
  }
  head.method = method_of(head.method_text);
  ++cursor.at;
  return Outcome::Done;
}

// Bytes only; the form is judged when the line is whole. The limit comes first, so that the byte
// behind it does not matter.
Outcome read_target(Cursor& cursor, size_t max_bytes, RequestHead& head) {
  const char* start = cursor.at;
  cursor.at = skip(kTargetByte, start, cursor.end);
  head.target = view(start, cursor.at);
  if (head.target.size() > max_bytes) return cursor.refuse(414, "request target too long");
  if (cursor.at == cursor.end) return Outcome::NeedMore;
  if (*cursor.at != ' ') return cursor.bad_request("bad byte in the request target");
  if (head.target.empty()) return cursor.bad_request("empty request target");
  ++cursor.at;
  return Outcome::Done;
}

// RFC 9112 section 2.3: HTTP-version = "HTTP/" DIGIT "." DIGIT, case-sensitive. RFC 9110 section
// 2.5: a higher minor version is served as the highest we know. Another major version is 505 even
// where it is older: HTTP/0.9 had no version, so "HTTP/0.9" is none of ours either.
Outcome read_version(Cursor& cursor, RequestHead& head) {
  constexpr std::string_view kPrefix = "HTTP/";
  constexpr size_t kSize = 8;
  const std::string_view text = view(cursor.at, cursor.end).substr(0, kSize);
  if (text.size() == kSize && std::memcmp(text.data(), "HTTP/1.1", kSize) == 0) [[likely]] {
    cursor.at += kSize;  // one comparison of eight bytes
    return Outcome::Done;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const bool good = i < kPrefix.size() ? text[i] == kPrefix[i]
                      : i == 6           ? text[i] == '.'
                                         : is_digit(text[i]);
    if (!good) return cursor.bad_request("bad HTTP version");
  }
  if (text.size() < kSize) return Outcome::NeedMore;
  if (text[5] != '1') return cursor.refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  head.minor_version = text[7] == '0' ? 0 : 1;
  cursor.at += kSize;
  return Outcome::Done;
}

void split_query(std::string_view path_and_query, RequestHead& head) {
  const size_t mark = path_and_query.find('?');
  head.path = path_and_query.substr(0, mark);
  if (mark != std::string_view::npos) head.query = path_and_query.substr(mark + 1);
}

// RFC 9112 section 3.2.2: absolute-form, which a server MUST accept. Of http and https only: no
// other scheme is served here. An empty host is an error (RFC 9110 section 4.2.1).
bool split_absolute(RequestHead& head) {
  const std::string_view target = head.target;
  const size_t colon = target.find("://");
  if (colon == std::string_view::npos) return false;
  const std::string_view scheme = target.substr(0, colon);
  if (!equals_ignore_case(scheme, "http") && !equals_ignore_case(scheme, "https")) return false;
  const std::string_view rest = target.substr(colon + 3);
  const size_t authority_size = std::min(rest.find_first_of("/?"), rest.size());
  head.host = rest.substr(0, authority_size);
  if (!parse_authority(head.host)) return false;
  split_query(rest.substr(authority_size), head);
  // An empty path means "/" (RFC 9110 section 4.2.3); a view must point into the bytes, and the
  // last slash of "://" is one.
  if (head.path.empty()) head.path = target.substr(colon + 2, 1);
  head.form = TargetForm::Absolute;
  return true;
}

// RFC 9112 section 3.2: which form belongs to which method.
Outcome judge_target(Cursor& cursor, RequestHead& head) {
  if (head.method == Method::Connect) {  // section 3.2.3; the port is not optional
    const auto authority = parse_authority(head.target);
    if (!authority || !authority->port) return cursor.bad_request("CONNECT needs host:port");
    head.form = TargetForm::Authority;
    return Outcome::Done;
  }
  if (head.target.front() == '/') {  // section 3.2.1
    split_query(head.target, head);
    return Outcome::Done;
  }
  if (head.target == "*") {  // section 3.2.4
    if (head.method != Method::Options) return cursor.bad_request("\"*\" without OPTIONS");
    head.form = TargetForm::Asterisk;
    head.path = head.target;
    return Outcome::Done;
  }
  return split_absolute(head) ? Outcome::Done : cursor.bad_request("bad request target");
}

// RFC 9112 section 2.2: at least one empty line before the request line SHOULD be ignored. We
// ignore one: old clients send one after a POST, nobody sends more.
Outcome skip_empty_line(Cursor& cursor) {
  if (cursor.at == cursor.end || *cursor.at != '\r') return Outcome::Done;
  return read_line_end(cursor, "");
}

Outcome read_request_line(Cursor& cursor, size_t max_target_bytes, RequestHead& head) {
  Outcome outcome = skip_empty_line(cursor);
  if (outcome == Outcome::Done) outcome = read_method(cursor, head);
  if (outcome == Outcome::Done) outcome = read_target(cursor, max_target_bytes, head);
  if (outcome == Outcome::Done) outcome = read_version(cursor, head);
  if (outcome == Outcome::Done) outcome = read_line_end(cursor, "bytes behind the HTTP version");
  if (outcome == Outcome::Done) outcome = judge_target(cursor, head);
  return outcome;
}

Outcome refuse_name(Cursor& cursor, const char* start) {
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
Outcome read_field(Cursor& cursor, Field& field) {
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

// A field of which there may be one: its value, and how often it came.
struct Single {
  std::string_view value;
  size_t count = 0;

  void add(std::string_view another) {
    value = another;
    ++count;
  }
};

// The fields that steer framing and connection: collected while reading, judged at the empty line.
class Steering {
 public:
  void note(const Field& field);
  Outcome judge(Cursor& cursor, RequestHead& head) const;

 private:
  void note_connection(std::string_view options);
  Outcome judge_framing(Cursor& cursor, RequestHead& head) const;
  Outcome judge_length(Cursor& cursor, RequestHead& head) const;
  Outcome judge_coding(Cursor& cursor, RequestHead& head) const;
  Outcome judge_host(Cursor& cursor, RequestHead& head) const;

  Single host_;
  Single length_;
  Single coding_;
  bool close_ = false;
  bool keep_alive_ = false;
  bool upgrade_option_ = false;
  bool upgrade_field_ = false;
  bool expect_continue_ = false;
  bool expect_other_ = false;
};

// By length first: of usual heads, few fields get as far as a comparison.
void Steering::note(const Field& field) {
  const auto is = [&field](std::string_view name) { return token_equals(field.name, name); };
  switch (field.name.size()) {
    case 4:
      if (is("host")) host_.add(field.value);
      break;
    case 6:
      if (is("expect")) {
        const bool known = equals_ignore_case(field.value, "100-continue");
        (known ? expect_continue_ : expect_other_) = true;
      }
      break;
    case 7:
      if (is("upgrade")) upgrade_field_ = true;
      break;
    case 10:
      if (is("connection")) note_connection(field.value);
      break;
    case 14:
      if (is("content-length")) length_.add(field.value);
      break;
    case 17:
      if (is("transfer-encoding")) coding_.add(field.value);
      break;
    default:
      break;
  }
}

// RFC 9110 section 7.6.1: a list of options, case-insensitive. Options that we do not know name
// fields that a proxy must drop; they are nothing to us.
void Steering::note_connection(std::string_view options) {
  while (!options.empty()) {
    const size_t comma = options.find(',');
    const std::string_view option = trim_blanks(options.substr(0, comma));
    if (equals_ignore_case(option, "close")) close_ = true;
    if (equals_ignore_case(option, "keep-alive")) keep_alive_ = true;
    if (equals_ignore_case(option, "upgrade")) upgrade_option_ = true;
    if (comma == std::string_view::npos) break;
    options.remove_prefix(comma + 1);
  }
}

// RFC 9112 section 6.3. Both framings at once "ought to be handled as an error": one hop believes
// the one, the next hop the other.
Outcome Steering::judge_framing(Cursor& cursor, RequestHead& head) const {
  if (length_.count > 0 && coding_.count > 0) {
    return cursor.bad_request("Content-Length and Transfer-Encoding");
  }
  if (coding_.count > 0) return judge_coding(cursor, head);
  if (length_.count > 0) return judge_length(cursor, head);
  return Outcome::Done;
}

// RFC 9110 section 8.6: 1*DIGIT. It lets a recipient take a repeated equal value; we take only what
// every hop reads alike.
Outcome Steering::judge_length(Cursor& cursor, RequestHead& head) const {
  if (length_.count > 1) return cursor.bad_request("repeated Content-Length");
  uint64_t length = 0;
  const char* end = length_.value.data() + length_.value.size();
  const auto [stop, error] = std::from_chars(length_.value.data(), end, length);
  if (error != std::errc{} || stop != end) return cursor.bad_request("bad Content-Length");
  head.body = BodyKind::Length;
  head.content_length = length;
  return Outcome::Done;
}

// RFC 9112 section 6.1: a coding that is not understood is 501; chunked twice, chunked before
// another coding (section 6.3: the length is then unknown), and any coding in HTTP/1.0 are 400.
Outcome Steering::judge_coding(Cursor& cursor, RequestHead& head) const {
  if (head.minor_version == 0) return cursor.bad_request("Transfer-Encoding in HTTP/1.0");
  if (coding_.count > 1) return cursor.bad_request("repeated Transfer-Encoding");
  if (equals_ignore_case(coding_.value, "chunked")) {
    head.body = BodyKind::Chunked;
    return Outcome::Done;
  }
  std::string_view list = coding_.value;
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = list.find(',');
    const std::string_view coding = trim_blanks(list.substr(0, comma));
    const bool last = comma == std::string_view::npos;
    const std::string_view name = trim_blanks(coding.substr(0, coding.find(';')));
    const bool chunked = equals_ignore_case(name, "chunked");
    const bool plain_and_last = last && name.size() == coding.size();
    if (!is_all(kTokenByte, name) || (chunked && !plain_and_last)) {
      return cursor.bad_request("bad Transfer-Encoding");
    }
    if (!last) list.remove_prefix(comma + 1);
  }
  return cursor.refuse(501, "transfer coding other than chunked");
}

// RFC 9112 section 3.2: in HTTP/1.1 exactly one Host field, and a valid one, also beside an
// absolute-form target, whose host then wins (section 3.2.2). An empty value is valid: health
// checks send it.
Outcome Steering::judge_host(Cursor& cursor, RequestHead& head) const {
  if (host_.count > 1) return cursor.bad_request("repeated Host");
  if (host_.count == 0 && head.minor_version > 0) return cursor.bad_request("no Host");
  if (!host_.value.empty() && !parse_authority(host_.value)) return cursor.bad_request("bad Host");
  if (head.form != TargetForm::Absolute) head.host = host_.value;
  return Outcome::Done;
}

Outcome Steering::judge(Cursor& cursor, RequestHead& head) const {
  Outcome outcome = judge_framing(cursor, head);
  if (outcome == Outcome::Done) outcome = judge_host(cursor, head);
  if (outcome != Outcome::Done) return outcome;
  // RFC 9110 section 10.1.1: 417 for what we do not know.
  if (expect_other_) return cursor.refuse(417, "expectation other than 100-continue");
  // The same section and 7.8: Expect and Upgrade of an HTTP/1.0 request MUST be ignored. Without
  // content there is nothing to continue with.
  const bool current = head.minor_version > 0;
  head.expect_continue = expect_continue_ && current && head.body != BodyKind::None;
  head.upgrade = upgrade_field_ && upgrade_option_ && current;
  // RFC 9112 section 9.3: close wins; HTTP/1.0 must ask for persistence.
  head.keep_alive = !close_ && (current || keep_alive_);
  return Outcome::Done;
}

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

// Reads on from the unfinished field line at `scanned`, which moves to the one that is unfinished
// now. Anything but NeedMore is for the whole parse to say again, with the head filled in. Costs
// one look at the line a call, and not at the head.
Outcome read_on(const char* begin, const char* end, size_t& scanned) {
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
