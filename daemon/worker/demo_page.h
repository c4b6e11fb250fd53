// The start page of the demo module: one HTML document without external resources.
#pragma once

#include <string_view>

namespace sockherd::worker {

std::string_view demo_page();

}  // namespace sockherd::worker
