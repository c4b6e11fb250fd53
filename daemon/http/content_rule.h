// Which answers have content, and which may speak of it in their head. Pure.
#pragma once

#include <cstdint>

#include "daemon/http/request.h"

namespace sockherd::http {

enum class ContentRule : uint8_t {
  Sent,    // framed by Content-Length or chunked (or by the end of the connection, to HTTP/1.0)
  Unsent,  // HEAD, 304: no content; the head may say what a GET would get (RFC 9110 section 8.6)
  Empty,   // 205: none may be made (section 15.3.6), which the head says: Content-Length: 0
  None     // 1xx, 204, 2xx to CONNECT: the answer ends with its head, and neither Content-Length
           // (section 8.6) nor Transfer-Encoding (RFC 9112 section 6.1) may stand in it
};

// RFC 9112 section 6.3, the order of its list: HEAD and 304 come first, also for CONNECT.
constexpr ContentRule content_rule(Method method, int status) {
  if (status < 200 || status == 204) return ContentRule::None;
  if (method == Method::Head || status == 304) return ContentRule::Unsent;
  if (method == Method::Connect && status < 300) return ContentRule::None;
  return status == 205 ? ContentRule::Empty : ContentRule::Sent;
}

}  // namespace sockherd::http
