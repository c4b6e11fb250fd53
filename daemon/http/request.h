// The HTTP/1.1 request head: bytes in, a checked head out. Strict where the RFCs leave room.
//
// Own parser, because it is what the project exists for and the packaged ones are dead or carry
// known holes (docs/adr/0003). Zero-copy: every view points into the bytes that were given. Pure:
// no descriptors, no clock, no allocation. The body is body.h, the answer response.h.
//
// What is refused, and with which status, stands once, beside the RFC section: bytes in request.cc
// and request_line.cc, what they mean together in steering.cc:
// repeated or malformed Content-Length, Transfer-Encoding together with Content-Length, any coding
// but chunked, obs-fold, blanks before the colon, bare CR or LF, NUL and control characters, no or
// two Host fields in HTTP/1.1, a bad Host, fragments and raw non-ASCII in the target: 400. Over
// long: 414 and 431. Unknown coding or method that we do not implement: 501. Other major versions:
// 505.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sockherd::http {

enum class Method : uint8_t {
  Get,
  Head,
  Post,
  Put,
  Delete,
  Patch,
  Options,
  Trace,
  Connect,
  Unknown
};
std::string_view method_name(Method method);

struct HeadLimits {
  size_t max_bytes = size_t{16} * 1024;  // request line and fields, including the empty line
  size_t max_target_bytes = size_t{8} * 1024;
  size_t max_fields = 100;  // at most RequestHead::kMaxFields
};

struct Field {
  std::string_view name;   // as sent
  std::string_view value;  // without surrounding blanks
};

enum class BodyKind : uint8_t { None, Length, Chunked };
enum class TargetForm : uint8_t { Origin, Absolute, Authority, Asterisk };  // RFC 9112 section 3.2

struct RequestHead {
  static constexpr size_t kMaxFields = 128;

  Method method = Method::Unknown;
  std::string_view method_text;
  std::string_view target;  // as sent
  TargetForm form = TargetForm::Origin;
  // Of origin and absolute form, still encoded, begins with "/"; "*" (static) for the server as a
  // whole, also where OPTIONS has an absolute form without a path.
  std::string_view path;
  std::string_view query;  // without "?"
  // Of an absolute target, else of the Host field; "" in HTTP/1.0 without one.
  std::string_view host;
  uint8_t minor_version = 1;  // HTTP/1.0 or HTTP/1.1; higher minors are served as 1.1
  BodyKind body = BodyKind::None;
  uint64_t content_length = 0;  // BodyKind::Length only
  bool keep_alive = true;       // may the connection be used again after the answer
  bool expect_continue = false;
  bool upgrade = false;  // has an Upgrade field and "upgrade" in Connection
  size_t field_count = 0;
  std::array<Field, kMaxFields> storage;
  // The Host that was found valid last, for the next head that is parsed into this one: clients
  // repeat it, and comparing it costs a tenth of judging it.
  std::array<char, 64> known_host;
  size_t known_host_size = 0;

  std::span<const Field> fields() const { return {storage.data(), field_count}; }
  // The value of the first field of that name (ASCII case-insensitive), or an empty view with null
  // data.
  std::string_view field(std::string_view name) const;
};

enum class ParseState : uint8_t { Complete, Incomplete, Refused };

struct ParseResult {
  ParseState state = ParseState::Incomplete;
  size_t consumed = 0;      // Complete: bytes of the head, including the empty line
  int status = 0;           // Refused: the status to answer before closing
  const char* reason = "";  // Refused: a few words for log and body, static
};

// Parses one head at the start of `bytes`. Incomplete asks for more bytes at the end of the same
// buffer; `scanned` (0 at first) then remembers how far the search for the end has come, so that a
// head which arrives byte by byte is not searched anew each time. One empty line before the request
// line is skipped (RFC 9112 section 2.2). `head` is only meaningful when Complete; on Refused,
// method, minor_version and keep_alive hold what was known by then.
ParseResult parse_request_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head,
                               size_t& scanned);

}  // namespace sockherd::http
