#include "daemon/websocket/handshake.h"

#include <algorithm>
#include <cstddef>

#include "daemon/http/authority.h"
#include "daemon/http/characters.h"
#include "daemon/websocket/sha1.h"

namespace sockherd::websocket {
namespace {

using http::equals_ignore_case;
using http::RequestHead;

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Base64 (RFC 4648 section 4) with padding; `to` is as long as it takes.
void write_base64(std::span<const uint8_t> bytes, std::span<char> to) {
  size_t at = 0;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0U);
    for (size_t k = 0; k < 4; ++k) {
      to[at++] = k <= count ? kBase64[group >> (18 - 6 * k) & 0x3f] : '=';
    }
  }
}

// Section 4.1: base64 of 16 bytes. So the last digit has two bits, and the others are zero.
bool is_key(std::string_view key) {
  if (key.size() != kKeyBytes || !key.ends_with("==")) return false;
  const std::string_view digits = key.substr(0, kKeyBytes - 2);
  const auto is_digit = [](char c) { return kBase64.find(c) != std::string_view::npos; };
  return std::all_of(digits.begin(), digits.end(), is_digit) &&
         kBase64.find(digits.back()) % 16 == 0;
}

// Calls visit(element) for each of a list, over all fields of that name (RFC 9110 section 5.6.1).
template <typename Visit>
void for_each_element(const RequestHead& head, std::string_view name, Visit visit) {
  for (const http::Field& field : head.fields()) {
    if (!equals_ignore_case(field.name, name)) continue;
    std::string_view list = field.value;
    for (size_t comma = 0; comma != std::string_view::npos;) {
      comma = list.find(',');
      const std::string_view element = http::trim_blanks(list.substr(0, comma));
      if (!element.empty()) visit(element);
      if (comma != std::string_view::npos) list.remove_prefix(comma + 1);
    }
  }
}

// Section 4.1: the elements are tokens.
bool has_valid_subprotocols(const RequestHead& head) {
  bool are_tokens = true;
  for_each_element(head, "sec-websocket-protocol", [&](std::string_view element) {
    are_tokens = are_tokens && http::is_all(http::kTokenByte, element);
  });
  return are_tokens;
}

bool has_element(const RequestHead& head, std::string_view name, std::string_view wanted) {
  bool found = false;
  for_each_element(head, name, [&](std::string_view element) {
    found = found || equals_ignore_case(element, wanted);
  });
  return found;
}

size_t count_fields(const RequestHead& head, std::string_view name) {
  return static_cast<size_t>(
      std::count_if(head.fields().begin(), head.fields().end(),
                    [name](const auto& field) { return equals_ignore_case(field.name, name); }));
}

// "scheme://authority" -> authority; "" for what has none ("null").
std::string_view authority_of(std::string_view origin) {
  const size_t slashes = origin.find("://");
  return slashes == std::string_view::npos ? "" : origin.substr(slashes + 3);
}

// Without the port that goes without saying: a Host has none, and may have it nevertheless.
std::string_view without_port(std::string_view authority, std::string_view port) {
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

bool is_own(std::string_view origin, std::string_view host) {
  const std::string_view port = origin.starts_with("https:") ? ":443" : ":80";
  const std::string_view authority = authority_of(origin);
  return !authority.empty() &&
         equals_ignore_case(without_port(authority, port), without_port(host, port));
}

}  // namespace

Accept accept_of(std::string_view key) {
  constexpr std::string_view kMagic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3
  Accept accept;
  write_base64(sha1(std::string(key).append(kMagic)), accept);
  return accept;
}

std::array<char, kKeyBytes> key_of(std::span<const uint8_t, 16> drawn) {
  std::array<char, kKeyBytes> key{};
  write_base64(drawn, key);
  return key;
}

Handshake check_handshake(const RequestHead& head) {
  const auto refuse = [](int status, std::string_view reason) {
    return Handshake{.status = status, .reason = reason, .key = {}};
  };
  if (head.method != http::Method::Get) return refuse(405, "a WebSocket is opened with GET");
  if (!head.upgrade || !has_element(head, "upgrade", "websocket")) {
    return refuse(426, "this is for WebSockets");
  }
  if (head.body != http::BodyKind::None) return refuse(400, "the request has a body");
  if (count_fields(head, "sec-websocket-version") > 1) {
    return refuse(400, "Sec-WebSocket-Version is there twice");
  }
  if (head.field("sec-websocket-version") != kVersion) {
    return refuse(426, "the version of the WebSocket protocol is 13");
  }
  if (count_fields(head, "sec-websocket-key") != 1) {
    return refuse(400, "there is not one Sec-WebSocket-Key");
  }
  const std::string_view key = head.field("sec-websocket-key");
  if (!is_key(key)) return refuse(400, "Sec-WebSocket-Key is not base64 of 16 bytes");
  if (!has_valid_subprotocols(head)) return refuse(400, "Sec-WebSocket-Protocol is malformed");
  return {.key = key};
}

bool is_origin_allowed(const RequestHead& head, std::span<const std::string> allowed) {
  const size_t count = count_fields(head, "origin");
  if (count == 0) return true;
  if (count > 1) return false;
  const std::string_view origin = head.field("origin");
  if (allowed.empty()) return is_own(origin, head.host);
  return std::any_of(allowed.begin(), allowed.end(), [origin](const std::string& each) {
    return each == "*" || equals_ignore_case(each, origin);
  });
}

std::string_view choose_subprotocol(const RequestHead& head,
                                    std::span<const std::string_view> offered) {
  std::string_view chosen;
  for_each_element(head, "sec-websocket-protocol", [&](std::string_view element) {
    if (!chosen.empty()) return;
    const auto found = std::find(offered.begin(), offered.end(), element);  // case-sensitive
    if (found != offered.end()) chosen = *found;
  });
  return chosen;
}

}  // namespace sockherd::websocket
