// gzip for what is worth it: a scrape of many slots shrinks to a tenth.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/result.h"

namespace sockherd::api {

// Whether the values of Accept-Encoding take gzip (RFC 9110 section 12.5.3): named, or by "*", and
// not with q=0.
bool accepts_gzip(const std::vector<std::string_view>& accept_encoding);

Result<std::string> gzip(std::string_view text);

}  // namespace sockherd::api
