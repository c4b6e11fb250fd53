// ResponseReader: one answer after another, as a client reads them, piece by piece.
//
// Heads are those of http/response_head.h, as strict as for the proxy; content is read and dropped.
// Interim responses (1xx) are skipped. Pure, zero-copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/http/body.h"
#include "daemon/http/response_head.h"

namespace sockherd::load {

// Of any server, with what others take.
inline constexpr http::ResponseLimits kResponseLimits{.max_bytes = size_t{64} * 1024};

class ResponseReader {
 public:
  explicit ResponseReader(http::Method asked = http::Method::Get) : asked_(asked) {}

  struct Step {
    http::ParseState state = http::ParseState::Incomplete;
    size_t consumed = 0;  // the rest is to be given again, with more behind it
    const char* reason = "";
  };
  // To be called until it says Complete, or Incomplete: then it wants more bytes. scratch: for the
  // head, which is large; nothing of it is needed afterwards.
  Step read(std::string_view bytes, http::ReceivedHead& scratch);

  // The connection has ended: whether that is the end of the response.
  bool ends_here() const { return in_body_ && until_end_; }

  int status() const { return status_; }
  bool keeps_alive() const { return keeps_alive_; }

 private:
  Step read_body(std::string_view bytes, size_t before);

  http::Method asked_;
  bool in_body_ = false;
  bool until_end_ = false;
  bool keeps_alive_ = true;
  int status_ = 0;
  size_t interim_ = 0;  // so many were skipped
  size_t scanned_ = 0;  // of a head that has not come whole
  http::BodyReader body_;
};

}  // namespace sockherd::load
