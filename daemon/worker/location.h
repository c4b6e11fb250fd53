// The Location of a redirect (RFC 9110 section 10.2.2). Pure.
#pragma once

#include <string>
#include <string_view>

namespace sockherd::worker {

// A plain path (http/path.h) as it stands in a Location field. From the decoded path and not from
// what the client sent: "//other.example" would lead to another server.
std::string encode_path(std::string_view path);

}  // namespace sockherd::worker
