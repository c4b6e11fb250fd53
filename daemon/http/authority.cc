#include "daemon/http/authority.h"

#include <cstddef>

#include "daemon/http/characters.h"

namespace sockherd::http {
namespace {

// dec-octet "." dec-octet "." dec-octet "." dec-octet, no leading zeros (RFC 3986 section 3.2.2).
bool is_ipv4_address(std::string_view text) {
  size_t at = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && (at == text.size() || text[at++] != '.')) return false;
    const size_t start = at;
    int value = 0;
    while (at < text.size() && at - start < 3 && is_digit(text[at])) {
      value = value * 10 + (text[at++] - '0');
    }
    const bool leading_zero = at - start > 1 && text[start] == '0';
    if (at == start || leading_zero || value > 255) return false;
  }
  return at == text.size();
}

// Where an escape ("%41") stands at the front.
bool begins_with_escape(std::string_view text) {
  return text.size() > 2 && text[0] == '%' && is_in(kHexDigit, text[1]) &&
         is_in(kHexDigit, text[2]);
}

// The size of the name that begins the text: reg-name, with whole escapes only.
size_t reg_name_size(std::string_view text) {
  const char* end = text.data() + text.size();
  const char* at = skip(kRegNameByte, text.data(), end);
  while (at != end && begins_with_escape({at, static_cast<size_t>(end - at)})) {
    at = skip(kRegNameByte, at + 3, end);
  }
  return static_cast<size_t>(at - text.data());
}

// The size of the host that begins the text; 0 when there is none.
size_t host_size(std::string_view text) {
  if (text.empty() || text.front() != '[') return reg_name_size(text);
  const size_t close = text.find(']');
  if (close == std::string_view::npos) return 0;
  return is_ipv6_address(text.substr(1, close - 1)) ? close + 1 : 0;
}

}  // namespace

bool is_ipv6_address(std::string_view text) {
  int groups = 0;
  bool gap = false;  // "::" seen
  size_t at = 0;
  while (at < text.size()) {
    if (text.substr(at, 2) == "::") {
      if (gap) return false;
      gap = true;
      at += 2;
      if (at == text.size()) break;
    } else if (groups > 0) {
      if (text[at++] != ':') return false;
    }
    const size_t start = at;
    while (at < text.size() && at - start < 4 && is_in(kHexDigit, text[at])) ++at;
    if (at < text.size() && text[at] == '.') {
      if (!is_ipv4_address(text.substr(start))) return false;
      groups += 2;
      break;
    }
    if (at == start) return false;
    ++groups;
  }
  return gap ? groups < 8 : groups == 8;
}

std::optional<Authority> parse_authority(std::string_view text) {
  const size_t size = host_size(text);
  if (size == 0) return std::nullopt;
  Authority authority{.host = text.substr(0, size), .port = std::nullopt};
  if (size == text.size()) return authority;
  if (text[size] != ':') return std::nullopt;
  uint32_t port = 0;
  for (const char c : text.substr(size + 1)) {
    if (!is_digit(c)) return std::nullopt;
    port = port * 10 + static_cast<uint32_t>(c - '0');
    if (port > 65535) return std::nullopt;
  }
  if (text.size() > size + 1) authority.port = static_cast<uint16_t>(port);
  return authority;
}

}  // namespace sockherd::http
