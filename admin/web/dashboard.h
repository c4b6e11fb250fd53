// The dashboard: one page without external resources, compiled in (dashboard.html).
#pragma once

#include <string>
#include <string_view>

namespace sockherd::web {

std::string_view dashboard();

// Its Content-Security-Policy: the page's own script and style by their hashes, requests to where
// it came from, nothing else.
std::string dashboard_policy();

}  // namespace sockherd::web
