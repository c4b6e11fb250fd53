// The response: its head as bytes in the caller's buffer, the framing of chunks, small error
// answers.
//
//   const ResponseHead head{.status = 200, .date = dates.at(now), .content_type = "text/plain",
//                           .content_length = 5, .connection = connection_option(request)};
//   const HeadWritten written = write_response_head(head, buffer);
//
// Pure, no allocation, no partial output: either the whole head stands in the buffer or nothing
// does. A value that would break out of its line (CR, LF, NUL, other controls) is never written:
// the head is refused with BadField, as is one with an unknown status, and the caller answers 500.
// Values come from applications, and through them from clients, so an assertion would let a client
// kill the worker; leaving the field out would send an answer that its author did not mean (one
// without its cookie or its policy).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/request.h"
#include "daemon/http/status.h"

namespace sockherd::http {

// What the Connection field says. None: the field is left out, which in HTTP/1.1 means persistent.
enum class ConnectionOption : uint8_t { None, Close, KeepAlive, Upgrade };

// The option to answer a request with: Close unless it keeps the connection, KeepAlive where an
// HTTP/1.0 client has to be told (RFC 9112 section 9.3).
ConnectionOption connection_option(const RequestHead& request);

// What every 200 of one second begins with, written once.
class OpeningCache {
 public:
  // The view is good until the next call.
  std::string_view at(int64_t unix_seconds) {
    if (unix_seconds != second_) [[unlikely]]
      write(unix_seconds);
    return {text_.data(), size_};
  }

 private:
  void write(int64_t unix_seconds);

  int64_t second_ = INT64_MIN;
  size_t size_ = 0;
  std::array<char, 96> text_{};
};

struct ResponseHead {
  // Of OpeningCache: status line, Server and Date in one piece, instead of `status` and `date`.
  std::string_view opening{};
  int status = 200;               // one of status.h
  std::string_view date;          // of DateCache; "" leaves the field out
  std::string_view content_type;  // "" leaves the field out
  // None where content_rule() says so, for 304, and where the end of the connection is the end of
  // the content (HTTP/1.0); Length with 0 for an empty answer; Chunked only to HTTP/1.1 clients.
  BodyKind body = BodyKind::Length;
  uint64_t content_length = 0;
  ConnectionOption connection = ConnectionOption::None;
  std::span<const Field> fields{};  // further ones; not those above
};

enum class WriteOutcome : uint8_t { Written, NoRoom, BadField };

struct HeadWritten {
  WriteOutcome outcome = WriteOutcome::Written;
  size_t bytes = 0;  // Written: of the buffer; NoRoom: how many it takes at most
};

HeadWritten write_response_head(const ResponseHead& head, std::span<char> buffer);

// A small answer of plain text, "404 Not Found: reason\n", or without ": reason" where that is
// empty. Closes the connection unless told otherwise: after a refused request nobody knows where
// the next one begins.
struct ErrorResponse {
  int status = 500;
  std::string_view reason;  // one line of ours, never bytes of the client
  std::string_view date;
  ConnectionOption connection = ConnectionOption::Close;
  Method method = Method::Unknown;  // HEAD gets the head alone
  std::span<const Field> fields{};  // Allow, Retry-After, Content-Range
};

// Returns the bytes written; 0 when they do not fit or a field is bad. 512 bytes are enough for any
// of ours without fields.
size_t write_error_response(const ErrorResponse& error, std::span<char> buffer);

// The interim answer to "Expect: 100-continue".
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// Chunked framing: chunk_head(n), n bytes, kChunkEnd, ..., kLastChunk.
class ChunkHead {
 public:
  explicit ChunkHead(uint64_t size);
  std::string_view view() const { return {bytes_.data() + start_, bytes_.size() - start_}; }

 private:
  std::array<char, 18> bytes_;  // 16 digits and CRLF, at the end
  size_t start_;
};

// size: of the content that follows, not 0: that would end the body.
ChunkHead chunk_head(uint64_t size);

inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// kLastChunk with trailers in it (RFC 9112 section 7.1.2). Returns the bytes written; 0 when they
// do not fit, one would break out of its line, or is none (is_allowed_in_trailers of trailers.h).
size_t write_last_chunk(std::span<const Field> trailers, std::span<char> buffer);

}  // namespace sockherd::http
