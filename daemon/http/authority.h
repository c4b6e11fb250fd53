// uri-host [ ":" port ]: the value of Host, and the authority of a request target.
//
// RFC 3986 section 3.2.2 and RFC 9110 section 7.2. Never with userinfo: RFC 9110 section 4.2.4 lets
// a server treat that as an error, and "user@host" is only seen in attacks. Zero-copy and pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "daemon/http/characters.h"

namespace sockherd::http {

struct Authority {
  std::string_view host;         // as sent; an IPv6 address keeps its brackets
  std::optional<uint16_t> port;  // none where there are no digits ("host" and "host:")
};

// Nothing when the text is not an authority. The host is never empty.
std::optional<Authority> parse_authority(std::string_view text);

// Whether it is one. The same verdict, for the hot path: a name or an IPv4 address with a port of
// up to four digits, which is nearly every Host, is looked at once.
inline bool is_authority(std::string_view text) {
  const char* end = text.data() + text.size();
  const char* at = skip(kRegNameByte, text.data(), end);
  if (at == end) return !text.empty();
  if (*at != ':' || at == text.data() || end - at > 5) return parse_authority(text).has_value();
  for (++at; at != end; ++at) {
    if (!is_digit(*at)) return false;
  }
  return true;
}

// RFC 4291 section 2.2, without brackets and without a zone.
bool is_ipv6_address(std::string_view text);

}  // namespace sockherd::http
