// The request line: method, target with its form, version (RFC 9112 section 3).
//
// Internal to the parser of heads: request.h is the interface.
#pragma once

#include <cstddef>

#include "daemon/http/cursor.h"
#include "daemon/http/request.h"

namespace sockherd::http {

// Reads it and its line end. Sets what the request line says of the head; `head` has been reset.
Outcome read_request_line(Cursor& cursor, size_t max_target_bytes, RequestHead& head);

}  // namespace sockherd::http
