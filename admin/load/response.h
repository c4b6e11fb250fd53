// The HTTP/1.1 response, as a client reads it: strict, and no more than load needs.
//
// What could mean two things is refused: two lengths, a length and a coding, a coding but chunked,
// folded lines, bare CR or LF in the head. Interim responses (1xx) are skipped. Pure, zero-copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/http/body.h"

namespace sockherd::load {

struct ResponseHead {
  int status = 0;
  bool keeps_alive = true;
  http::BodyKind body = http::BodyKind::None;
  uint64_t content_length = 0;
  bool ends_with_connection = false;  // its content has no other end
  std::string_view lines;             // of the fields, each with its CRLF

  // The value of the first of that name, or an empty view with null data.
  std::string_view field(std::string_view name) const;
};

struct HeadParse {
  http::ParseState state = http::ParseState::Incomplete;
  size_t consumed = 0;
  const char* reason = "";
};

enum class Asked : uint8_t { WithContent, HeadOnly };

// The head at the front of `bytes`.
HeadParse parse_response_head(std::string_view bytes, Asked asked, ResponseHead& head);

// A whole response, piece by piece.
class ResponseReader {
 public:
  explicit ResponseReader(Asked asked = Asked::WithContent) : asked_(asked) {}

  struct Step {
    http::ParseState state = http::ParseState::Incomplete;
    size_t consumed = 0;  // the rest is to be given again, with more behind it
    const char* reason = "";
  };
  // To be called until it says Complete, or Incomplete: then it wants more bytes.
  Step read(std::string_view bytes);

  // The connection has ended: whether that is the end of the response.
  bool ends_here() const { return in_body_ && until_end_; }

  int status() const { return status_; }
  bool keeps_alive() const { return keeps_alive_; }

 private:
  Step read_body(std::string_view bytes, size_t before);

  Asked asked_;
  bool in_body_ = false;
  bool until_end_ = false;
  bool keeps_alive_ = true;
  int status_ = 0;
  http::BodyReader body_;
};

}  // namespace sockherd::load
