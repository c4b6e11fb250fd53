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

}  // namespace sockherd::http
