// What both sides agree on about permessage-deflate (RFC 7692 section 7.1). Pure.
//
// We answer every offer that we take with server_no_context_takeover and client_no_context_takeover
// (sections 7.1.1.1 and 7.1.1.2 allow both without being asked): each message is compressed by
// itself, so one compressor and one decompressor serve all connections of a loop, and an idle
// connection holds nothing. With context takeover each would hold 40 to 300 KiB, for messages that
// get shorter by what they have in common with the one before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/http/request.h"

namespace sockherd::websocket {

inline constexpr uint8_t kMaxWindowBits = 15;

struct DeflateTerms {
  uint8_t server_window_bits = kMaxWindowBits;  // 8 to 15: of what we compress with
  bool says_server_window = false;              // the offer had server_max_window_bits

  // The element of Sec-WebSocket-Extensions that takes the offer.
  std::string answer() const;
};

struct DeflateNegotiation {
  bool is_malformed = false;          // what follows no grammar: the handshake has to fail
  std::optional<DeflateTerms> terms;  // of the first offer that can be taken
};

// Reads Sec-WebSocket-Extensions (RFC 6455 section 9.1). An offer with a parameter that is unknown,
// there twice, or has a value that is not right is passed over (section 7.1).
DeflateNegotiation negotiate_deflate(const http::RequestHead& head);

}  // namespace sockherd::websocket
