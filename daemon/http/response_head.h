// The response head of an upstream: bytes in, a checked head out. As strict as request.h: whoever
// stands behind a proxy may be broken or broken into, and a response that two hops read differently
// poisons the answers of other clients.
//
// Zero-copy: every view points into the bytes that were given. Pure: no descriptors, no clock, no
// allocation. The content is body.h (body_of() below), what the client gets forward.h.
//
// Refused, each in response_head.cc with its section: other versions than HTTP/1.x, a status
// outside of 100..599, obs-fold, blanks before the colon, bare CR or LF, NUL and control
// characters, repeated or malformed Content-Length, Transfer-Encoding together with
// Content-Length, any coding but chunked, Transfer-Encoding from HTTP/1.0, content in a 1xx, 101
// that was not asked for, and what is over long.
//
// One response a request: bytes that come before the request was sent, or behind the end of its
// response, belong to nobody. Whoever holds the connection closes it then, whatever keep_alive
// says.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/body.h"
#include "daemon/http/request.h"

namespace sockherd::http {

struct ResponseLimits {
  size_t max_bytes = size_t{32} * 1024;  // status line and fields, including the empty line
  size_t max_fields = 128;               // at most ReceivedHead::kMaxFields
};

// More 1xx before a response than this is a flood; the caller counts.
inline constexpr size_t kMostInterimResponses = 16;

// What the response is to.
struct AskedFor {
  Method method = Method::Get;
  bool upgrade = false;  // an Upgrade field was sent: 101 may come
};

// How the content ends (RFC 9112 section 6.3).
enum class Framing : uint8_t { None, Length, Chunked, UntilClose };

struct ReceivedHead {
  static constexpr size_t kMaxFields = RequestHead::kMaxFields;

  int status = 0;
  uint8_t minor_version = 1;  // HTTP/1.0 or HTTP/1.1; higher minors are taken as 1.1
  std::string_view reason_phrase;
  Framing framing = Framing::None;
  // There is a Content-Length: of the content that comes (Framing::Length), or of the one that a
  // GET would have got (HEAD, 304).
  bool has_content_length = false;
  uint64_t content_length = 0;
  // The connection may serve another request behind this response; false for UntilClose and 101.
  bool keep_alive = true;
  bool has_date = false;

  size_t field_count = 0;
  std::string_view field_lines;  // all of them, with their line ends
  // A bit a field: it ends here (Connection and what it names, framing); the others go on.
  std::array<uint64_t, kMaxFields / 64> hop_by_hop;
  std::array<Field, kMaxFields> storage;

  // 1xx but 101: the response is still to come, behind it.
  bool is_interim() const { return status < 200 && status != 101; }

  std::span<const Field> fields() const { return {storage.data(), field_count}; }
  // The value of the first field of that name (ASCII case-insensitive), or an empty view with null
  // data.
  std::string_view field(std::string_view name) const;
};

// Parses one head at the start of `bytes`; `scanned` as in parse_request_head(). Refused always
// has status 502. `head` is only meaningful when Complete.
ParseResult parse_response_head(std::string_view bytes, const ResponseLimits& limits,
                                const AskedFor& asked, ReceivedHead& head, size_t& scanned);

// Reads the content of that response. Of Framing::UntilClose it never says Complete: the end of the
// stream is, and only there an end of the stream is not a failure.
BodyReader body_of(const ReceivedHead& head);

}  // namespace sockherd::http
