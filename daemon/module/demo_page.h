// The start page of the demo module: one HTML document without external resources.
#pragma once

#include <string_view>

namespace sockherd::module {

std::string_view demo_page();

}  // namespace sockherd::module
