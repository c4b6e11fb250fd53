// A value of the tree → a member of a Config struct, by the row of the option table. Pure.
#pragma once

#include <string>

#include "daemon/config/document.h"
#include "daemon/config/options.h"
#include "daemon/config/report.h"

namespace sockherd::config {

// Checks `node` against type, bounds and choices of `option` and stores it in `object`. Faults go
// to `report` under `path`; the member is left alone then. Not for Type::Routes.
void assign(const Option& option, const Object& object, const Node& node, const std::string& path,
            Report& report);

// What a value is, for messages: "a list", "the string \"4\"", "the number 4".
std::string describe(const Node& node);

// " (did you mean \"workers\"?)", or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sockherd::config
