// Addresses of listening sockets as text: "127.0.0.1:80", "[::]:8080", "unix:/run/x.sock".
//
// Numeric only: a name server has no place in the start of a daemon, and a name may stand for
// several addresses. Pure.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace sockherd::config {

// The one spelling of `text`, by which two addresses can be compared: "[0:0::1]:080" gives
// "[::1]:80".
// Errors: what is wrong and what to write instead, without naming `text` itself.
Result<std::string> canonical_address(std::string_view text);

}  // namespace sockherd::config
