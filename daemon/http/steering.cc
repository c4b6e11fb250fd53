#include "daemon/http/steering.h"

#include <charconv>
#include <cstdint>

#include "daemon/http/authority.h"

namespace sockherd::http {

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

// RFC 9110 section 10.1.1: a list of expectations, of which there is one.
void Steering::note_expectations(std::string_view list) {
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = list.find(',');
    const std::string_view expectation = trim_blanks(list.substr(0, comma));
    const bool known = equals_ignore_case(expectation, "100-continue");
    if (!expectation.empty()) (known ? expect_continue_ : expect_other_) = true;
    if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
  }
}

// RFC 9112 section 6.3. Both framings at once "ought to be handled as an error": one hop believes
// the one, the next hop the other.
Outcome Steering::judge_framing(Cursor& cursor, RequestHead& head) const {
  // RFC 9110 section 9.3.6: CONNECT has no content; what follows it belongs to the tunnel, or to a
  // body, depending on whom one asks.
  if (head.method == Method::Connect && (length_.count > 0 || coding_.count > 0)) {
    return cursor.bad_request("CONNECT with content");
  }
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

// RFC 9112 section 6.3: where chunked is not the last coding, nobody knows the length, which MUST
// be 400; section 6.1: so it is with chunked twice or with parameters (7.1), and with any coding in
// HTTP/1.0. Chunked behind a coding that we do not understand is 501. Empty elements, which lists
// may have elsewhere, are 400: a parser that sees none there reads another framing.
Outcome Steering::judge_coding(Cursor& cursor, RequestHead& head) const {
  if (head.minor_version == 0) return cursor.bad_request("Transfer-Encoding in HTTP/1.0");
  if (coding_.count > 1) return cursor.bad_request("repeated Transfer-Encoding");
  if (equals_ignore_case(coding_.value, "chunked")) {
    head.body = BodyKind::Chunked;
    return Outcome::Done;
  }
  std::string_view list = coding_.value;
  bool chunked = false;
  for (size_t comma = 0; comma != std::string_view::npos;) {
    comma = list.find(',');
    const std::string_view coding = trim_blanks(list.substr(0, comma));
    const std::string_view name = trim_blanks(coding.substr(0, coding.find(';')));
    if (chunked || !is_all(kTokenByte, name)) return cursor.bad_request("bad Transfer-Encoding");
    chunked = equals_ignore_case(name, "chunked");
    if (chunked && name.size() != coding.size()) {
      return cursor.bad_request("bad Transfer-Encoding");
    }
    if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
  }
  if (!chunked) return cursor.bad_request("last transfer coding is not chunked");
  return cursor.refuse(501, "transfer coding other than chunked");
}

// RFC 9112 section 3.2: in HTTP/1.1 exactly one Host field, and a valid one, also beside an
// absolute-form target, whose host then wins (section 3.2.2). An empty value is valid: health
// checks send it.
bool Steering::is_valid_host(RequestHead& head) const {
  const std::string_view host = host_.value;
  if (host.empty() || host == std::string_view(head.known_host.data(), head.known_host_size)) {
    return true;
  }
  if (!is_authority(host)) return false;
  if (host.size() <= head.known_host.size()) {
    head.known_host_size = host.copy(head.known_host.data(), host.size());
  }
  return true;
}

Outcome Steering::judge_host(Cursor& cursor, RequestHead& head) const {
  if (host_.count > 1) return cursor.bad_request("repeated Host");
  if (host_.count == 0 && head.minor_version > 0) return cursor.bad_request("no Host");
  if (!is_valid_host(head)) return cursor.bad_request("bad Host");
  if (head.host.empty()) head.host = host_.value;
  return Outcome::Done;
}

Outcome Steering::judge(Cursor& cursor, RequestHead& head) const {
  Outcome outcome = judge_framing(cursor, head);
  if (outcome == Outcome::Done) outcome = judge_host(cursor, head);
  if (outcome != Outcome::Done) return outcome;
  // RFC 9110 section 10.1.1: 417 for what we do not know (MAY).
  if (expect_other_) return cursor.refuse(417, "expectation other than 100-continue");
  // The same section and 7.8: Expect and Upgrade of an HTTP/1.0 request MUST be ignored. Without
  // content there is nothing to continue with.
  const bool current = head.minor_version > 0;
  head.expect_continue = expect_continue_ && current && head.body != BodyKind::None;
  head.upgrade = upgrade_field_ && upgrade_option_ && current;
  // RFC 9112 section 9.3: close wins; HTTP/1.0 must ask for persistence. After a CONNECT that was
  // refused come bytes that were meant for the tunnel, from a client that did not wait.
  head.keep_alive = !close_ && (current || keep_alive_) && head.method != Method::Connect;
  return Outcome::Done;
}

}  // namespace sockherd::http
