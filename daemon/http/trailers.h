// Trailer fields (RFC 9110 section 6.5), of requests and of answers.
//
// They are written by write_last_chunk() of response.h, and taken from the stream by BodyReader.
// They stay apart from the head, always: merged into it, a trailer would be a second
// Content-Length. What steers framing, routing, authentication, or how content is read, is no
// trailer (section 6.5.1): it is left out of what was received, and refused in what is to be sent.
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/http/request.h"

namespace sockherd::http {

// False for fields that mean nothing or harm behind the content.
bool is_allowed_in_trailers(std::string_view name);

// section: what BodyReader::Step::trailers gave, put together, of a body that is complete. The
// views point into it. Returns the fields, which are at the front of `storage`; nothing where there
// are more of them.
std::optional<std::span<const Field>> parse_trailers(std::string_view section,
                                                     std::span<Field> storage);

}  // namespace sockherd::http
