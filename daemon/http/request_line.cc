#include "daemon/http/request_line.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "daemon/http/authority.h"
#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

// Longer than every registered method. RFC 9112 section 3: a longer one SHOULD be answered with
// 501.
constexpr size_t kMaxMethodBytes = 64;

constexpr std::string_view kAsterisk = "*";

// RFC 9110 section 9.1: case-sensitive.
Method method_of(std::string_view text) {
  // The switch has compared the sizes; with a constant one, memcmp is an instruction or two.
  const auto is = [text](const auto& name) {
    return std::memcmp(text.data(), name, sizeof name - 1) == 0;
  };
  switch (text.size()) {
    case 3:
      if (is("GET")) return Method::Get;
      if (is("PUT")) return Method::Put;
      break;
    case 4:
      if (is("HEAD")) return Method::Head;
      if (is("POST")) return Method::Post;
      break;
    case 5:
      if (is("PATCH")) return Method::Patch;
      if (is("TRACE")) return Method::Trace;
      break;
    case 6:
      if (is("DELETE")) return Method::Delete;
      break;
    case 7:
      if (is("OPTIONS")) return Method::Options;
      if (is("CONNECT")) return Method::Connect;
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
  if (cursor.end - start >= 4 && std::memcmp(start, "GET ", 4) == 0) [[likely]] {
    head.method = Method::Get;
    head.method_text = view(start, start + 3);
    cursor.at += 4;
    return Outcome::Done;
  }
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
  head.form = TargetForm::Absolute;
  if (!head.path.empty()) return true;
  // An empty path means "/", but "*" to OPTIONS (RFC 9110 section 4.2.3, RFC 9112 section 3.2.4).
  // A view must point into the bytes, and the last slash of "://" is one.
  if (head.method == Method::Options && authority_size == rest.size()) {
    head.form = TargetForm::Asterisk;
    head.path = kAsterisk;
  } else {
    head.path = target.substr(colon + 2, 1);
  }
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
  if (head.target == kAsterisk) {  // section 3.2.4
    if (head.method != Method::Options) return cursor.bad_request("\"*\" without OPTIONS");
    head.form = TargetForm::Asterisk;
    head.path = kAsterisk;
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

}  // namespace

Outcome read_request_line(Cursor& cursor, size_t max_target_bytes, RequestHead& head) {
  Outcome outcome = skip_empty_line(cursor);
  if (outcome == Outcome::Done) outcome = read_method(cursor, head);
  if (outcome == Outcome::Done) outcome = read_target(cursor, max_target_bytes, head);
  if (outcome == Outcome::Done) outcome = read_version(cursor, head);
  if (outcome == Outcome::Done) outcome = read_line_end(cursor, "bytes behind the HTTP version");
  if (outcome == Outcome::Done) outcome = judge_target(cursor, head);
  return outcome;
}

}  // namespace sockherd::http
