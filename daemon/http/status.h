// Status codes and their reason phrases: the one table (RFC 9110 section 15 and the registry).
#pragma once

#include <string_view>

namespace sockherd::http {

// "Not Found" for 404; "Unknown" for a code that is not in the table.
std::string_view reason_phrase(int status);

// "HTTP/1.1 404 Not Found\r\n"; empty for a code that is not in the table.
std::string_view status_line(int status);

}  // namespace sockherd::http
