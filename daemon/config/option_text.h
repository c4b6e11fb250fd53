// What options are in words: what a type wants, bounds and values in the notation of the file.
//
// For messages, the manual, the sample and `sockherdctl config show`. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/config/options.h"

namespace sockherd::config {

// "a whole number", "a duration such as \"30s\", ...": what the type wants, in messages.
std::string_view expectation(Type type);
// "integer", "duration", ...: the type in a word or few, for the manual and for programs.
std::string_view type_name(Type type);

// A number of this option in its own notation: 30000 → "30s", 16384 → "16KiB".
std::string format_number(const Option& option, int64_t number);
// "1 to 1024", "1ms to 1d", "" where there are no bounds.
std::string format_bounds(const Option& option);
// The value that `object` has for this option, as TOML: "\"30s\"", "4096", "[\"web\"]". Routes have
// rows of their own and give their number.
std::string format_value(const Option& option, const Object& object);

// `text` as a TOML basic string, with quotes; control characters are escaped.
std::string quote(std::string_view text);

}  // namespace sockherd::config
