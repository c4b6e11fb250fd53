// SHA-1 (FIPS 180-4), for Sec-WebSocket-Accept only: there it proves nothing but that a server
// knows RFC 6455, so that it is broken does no harm.
//
// Own code, because libcrypto costs each worker 560 kB of memory and 7 ms at its start (measured,
// OpenSSL 3.0), for one hash of 60 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sockherd::websocket {

std::array<uint8_t, 20> sha1(std::string_view text);

}  // namespace sockherd::websocket
