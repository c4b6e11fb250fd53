#include "admin/load/response.h"

#include <optional>

#include "daemon/base/parse.h"
#include "daemon/http/characters.h"

namespace sockherd::load {
namespace {

using http::BodyKind;
using http::ParseState;

constexpr size_t kMaxHeadBytes = size_t{64} * 1024;
constexpr std::string_view kEnd = "\r\n\r\n";

HeadParse refused(const char* reason) {
  return {ParseState::Refused, 0, reason};
}

// "HTTP/1.1 200 OK"
const char* read_status_line(std::string_view line, ResponseHead& head) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12) return "no HTTP/1 status line";
  if (line[7] != '0' && line[7] != '1') return "unknown minor version";
  const auto status = parse_number<int>(line.substr(9, 3));
  if (line[8] != ' ' || !status || *status < 100 || *status > 599) return "bad status";
  if (line.size() > 12 && line[12] != ' ') return "bad status";
  if (line.size() > 13 && !http::is_all(http::kFieldByte, line.substr(13))) return "bad reason";
  head.status = *status;
  head.keeps_alive = line[7] == '1';
  return nullptr;
}

bool has_option(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (http::equals_ignore_case(http::trim_blanks(list.substr(0, comma)), option)) return true;
    list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
  }
  return false;
}

struct Framing {
  std::optional<uint64_t> length;
  bool is_chunked = false;
};

const char* read_field(std::string_view line, ResponseHead& head, Framing& framing) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return "a field without a colon";
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = http::trim_blanks(line.substr(colon + 1));
  if (!http::is_all(http::kTokenByte, name)) return "bad name of a field";
  if (!value.empty() && !http::is_all(http::kFieldByte, value)) return "bad value of a field";
  if (http::equals_ignore_case(name, "content-length")) {
    const auto length = parse_number<uint64_t>(value);
    if (!length || framing.length) return "bad Content-Length";
    framing.length = length;
  } else if (http::equals_ignore_case(name, "transfer-encoding")) {
    if (framing.is_chunked || !http::equals_ignore_case(value, "chunked")) return "unknown coding";
    framing.is_chunked = true;
  } else if (http::equals_ignore_case(name, "connection")) {
    if (has_option(value, "close")) head.keeps_alive = false;
    if (has_option(value, "keep-alive")) head.keeps_alive = true;
  }
  return nullptr;
}

// RFC 9112 section 6.3.
const char* decide_body(const Framing& framing, Asked asked, ResponseHead& head) {
  if (framing.is_chunked && framing.length) return "both Content-Length and Transfer-Encoding";
  const bool has_none =
      asked == Asked::HeadOnly || head.status < 200 || head.status == 204 || head.status == 304;
  if (has_none) return nullptr;
  head.body = framing.is_chunked ? BodyKind::Chunked : BodyKind::Length;
  head.content_length = framing.length.value_or(0);
  head.ends_with_connection = !framing.is_chunked && !framing.length;
  if (head.ends_with_connection) head.keeps_alive = false;
  return nullptr;
}

}  // namespace

std::string_view ResponseHead::field(std::string_view name) const {
  for (std::string_view rest = lines; !rest.empty();) {
    const size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    const size_t colon = line.find(':');
    if (http::equals_ignore_case(line.substr(0, colon), name)) {
      return http::trim_blanks(line.substr(colon + 1));
    }
    rest.remove_prefix(end + 2);
  }
  return {};
}

HeadParse parse_response_head(std::string_view bytes, Asked asked, ResponseHead& head) {
  const size_t end = bytes.find(kEnd);
  if (end == std::string_view::npos) {
    return bytes.size() > kMaxHeadBytes ? refused("a head of more than 64 KiB") : HeadParse{};
  }
  head = {};
  std::string_view rest = bytes.substr(0, end + 2);
  const size_t first = rest.find("\r\n");
  if (const char* why = read_status_line(rest.substr(0, first), head)) return refused(why);
  rest.remove_prefix(first + 2);
  head.lines = rest;
  Framing framing;
  while (!rest.empty()) {
    const size_t line = rest.find("\r\n");
    if (const char* why = read_field(rest.substr(0, line), head, framing)) return refused(why);
    rest.remove_prefix(line + 2);
  }
  if (const char* why = decide_body(framing, asked, head)) return refused(why);
  return {ParseState::Complete, end + kEnd.size(), ""};
}

ResponseReader::Step ResponseReader::read(std::string_view bytes) {
  size_t before = 0;
  while (!in_body_) {
    ResponseHead head;
    const HeadParse parse = parse_response_head(bytes.substr(before), asked_, head);
    if (parse.state != ParseState::Complete) return {parse.state, before, parse.reason};
    before += parse.consumed;
    if (head.status == 101) return {ParseState::Refused, before, "101 to what was no upgrade"};
    if (head.status < 200) continue;
    in_body_ = true;
    status_ = head.status;
    keeps_alive_ = head.keeps_alive;
    until_end_ = head.ends_with_connection;
    body_ = http::BodyReader(head.body, head.content_length, UINT64_MAX);
  }
  return read_body(bytes.substr(before), before);
}

ResponseReader::Step ResponseReader::read_body(std::string_view bytes, size_t before) {
  if (until_end_) return {ParseState::Incomplete, before + bytes.size(), ""};
  for (;;) {
    const http::BodyReader::Step step = body_.read(bytes);
    before += step.consumed;
    bytes.remove_prefix(step.consumed);
    if (step.state == ParseState::Complete) in_body_ = false;
    if (step.state != ParseState::Incomplete || step.consumed == 0) {
      return {step.state, before, step.reason};
    }
  }
}

}  // namespace sockherd::load
