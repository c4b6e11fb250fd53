// The opening handshake of RFC 6455 section 4, as far as it is about HTTP: which request opens a
// WebSocket, and what is answered. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/http/request.h"

namespace sockherd::websocket {

inline constexpr size_t kKeyBytes = 24;     // base64 of 16
inline constexpr size_t kAcceptBytes = 28;  // base64 of 20
inline constexpr std::string_view kVersion = "13";

using Accept = std::array<char, kAcceptBytes>;

// What the server answers to a key, and the client checks.
Accept accept_of(std::string_view key);

// The key of a client that has drawn these bytes.
std::array<char, kKeyBytes> key_of(std::span<const uint8_t, 16> drawn);

// What becomes of a request for a WebSocket.
struct Handshake {
  int status = 101;              // else the status to refuse it with:
  std::string_view reason = "";  // a few words, static
  std::string_view key;          // 101: in the head

  bool is_valid() const { return status == 101; }
};

// Section 4.2.1. 405: no GET. 426: no request for a WebSocket, or for another version than 13; what
// is to be said with it are kUpgradeFields. 400: what contradicts itself.
Handshake check_handshake(const http::RequestHead& head);

// What tells a client what it should have asked for (section 4.2.2, RFC 9110
// sections 7.8, 15.5.22).
inline constexpr std::array kUpgradeFields = {http::Field{"Connection", "Upgrade"},
                                              http::Field{"Upgrade", "websocket"},
                                              http::Field{"Sec-WebSocket-Version", kVersion}};

// Section 10.2: whether a page of that origin may talk to us. A request without Origin comes from
// no browser, and may. allowed: origins ("https://example.org"), or "*" for all; where there are
// none, the page must come from the Host that it talks to.
bool is_origin_allowed(const http::RequestHead& head, std::span<const std::string> allowed);

// The first subprotocol of the client's that is offered; "" where none is. In `offered`.
std::string_view choose_subprotocol(const http::RequestHead& head,
                                    std::span<const std::string_view> offered);

}  // namespace sockherd::websocket
