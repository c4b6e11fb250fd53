// The request body: takes it out of the byte stream by its framing (RFC 9112 sections 6 and 7).
//
// Both kinds go through one reader, so that a connection has one way to read or to skip a body.
// Strict: chunk sizes are hexadecimal digits without sign, at most 16 of them; extensions are
// checked, bounded and dropped; trailers are checked by the rules of fields, bounded, and handed to
// who wants them (trailers.h). Nothing here merges them into the head. Zero-copy and pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/http/chunk_extension.h"
#include "daemon/http/request.h"

namespace sockherd::http {

class BodyReader {
 public:
  static constexpr size_t kMaxTrailerBytes = 8192;  // of the whole section

  BodyReader();  // an empty body

  // max_bytes: of content, whatever the framing; over it the body is refused with 413.
  BodyReader(BodyKind kind, uint64_t content_length, uint64_t max_bytes);

  struct Step {
    ParseState state = ParseState::Incomplete;
    size_t consumed = 0;    // bytes of the stream that are done with
    std::string_view data;  // content among them; may be empty
    // Of the trailer section among them: all of its lines without the empty one, over all steps not
    // more than kMaxTrailerBytes. Void unless the end says Complete.
    std::string_view trailers;
    int status = 0;  // Refused: 400, 413, or 431 for trailers
    const char* reason = "";
  };

  // Takes the next piece of content from the front of `bytes`. Call again with the rest until
  // Complete, or until it consumes nothing and says Incomplete. Complete may come with the last
  // piece, and consumes nothing beyond the body. A content length over the bound is refused by the
  // first call, also without bytes. Refused is final.
  Step read(std::string_view bytes);

  bool is_complete() const;
  uint64_t content_bytes() const { return content_bytes_; }

 private:
  enum class State : uint8_t;

  std::string_view take_content(std::string_view bytes);
  std::string_view take_trailers(std::string_view bytes, size_t& consumed);
  bool take_framing(char byte);
  bool take_size_byte(char byte);
  bool take_extension_byte(char byte);
  bool take_trailer_byte(char byte);
  bool begin_chunk();
  bool is_in_trailer_line() const;
  bool refuse(int status, const char* reason);  // always false

  State state_;
  ChunkExtension extension_;
  BodyKind kind_ = BodyKind::None;
  int status_ = 0;
  const char* reason_ = "";
  uint64_t remaining_ = 0;  // of the length, or of the current chunk
  uint64_t content_bytes_ = 0;
  uint64_t max_bytes_ = 0;
  size_t line_bytes_ = 0;  // size digits, extension bytes of this line, or bytes of all trailers
  size_t extension_bytes_ = 0;  // of all lines
};

}  // namespace sockherd::http
