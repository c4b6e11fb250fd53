// Kind: what the payload of a message is (RFC 6455 section 5.6).
#pragma once

#include <cstdint>

namespace sockherd::websocket {

enum class Kind : uint8_t { Text, Binary };

}  // namespace sockherd::websocket
