// llhttp, the parser in node, as Debian's node-llhttp ships its source: for comparison only.
#pragma once

#include <string_view>

#include "tests/fuzz/message.h"

Message parse_by_llhttp(std::string_view bytes);

// A response to a GET, whose content may end with the bytes; its status is the method, its reason
// phrase the target.
Message parse_response_by_llhttp(std::string_view bytes);
