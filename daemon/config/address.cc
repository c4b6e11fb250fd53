#include "daemon/config/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "daemon/base/parse.h"

namespace sockherd::config {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr size_t kMaxUnixPath = 107;  // sun_path of unix(7), without its NUL

Error wrong(std::string what) {
  return {0, std::move(what)};
}

Result<std::string> canonical_unix_path(std::string_view path) {
  if (path.empty() || path[0] != '/')
    return wrong("the path of a Unix socket must be absolute: write \"unix:/run/NAME.sock\"");
  if (path.size() > kMaxUnixPath)
    return wrong("the path of a Unix socket is at most 107 bytes, this one has " +
                 std::to_string(path.size()) + ": choose a shorter one");
  return std::string(kUnixPrefix) + std::string(path);
}

Result<uint16_t> parse_port(std::string_view text) {
  const auto port = parse_number<uint16_t>(text);
  if (!port || *port == 0) return wrong("the port must be a number from 1 to 65535");
  return *port;
}

// The address in its one spelling; empty if `host` is none of this family.
std::string canonical_host(int family, std::string_view host) {
  std::array<unsigned char, sizeof(in6_addr)> binary{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_pton(family, std::string(host).c_str(), binary.data()) != 1) return "";
  return ::inet_ntop(family, binary.data(), text.data(), text.size());
}

Result<std::string> canonical_v6(std::string_view text) {
  const size_t close = text.find(']');
  if (close == std::string_view::npos || text.substr(close + 1, 1) != ":")
    return wrong("an IPv6 address is written \"[ADDRESS]:PORT\", such as \"[::]:8080\"");
  const std::string host = canonical_host(AF_INET6, text.substr(1, close - 1));
  if (host.empty())
    return wrong(
        "what stands in brackets is not an IPv6 address: write \"[::]:PORT\" for all, "
        "\"[::1]:PORT\" for this machine only");
  const uint16_t port = TRY(parse_port(text.substr(close + 2)));
  return "[" + host + "]:" + std::to_string(port);
}

Result<std::string> canonical_v4(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return wrong(
        "the port is missing: write \"ADDRESS:PORT\", such as \"[::]:8080\", or "
        "\"unix:/run/NAME.sock\"");
  const std::string_view host = text.substr(0, colon);
  if (host.empty())
    return wrong(
        "the address is missing: write \"[::]:PORT\" for all, \"127.0.0.1:PORT\" for this "
        "machine only");
  if (host.find(':') != std::string_view::npos)
    return wrong("an IPv6 address needs brackets: write \"[ADDRESS]:PORT\"");
  const std::string address = canonical_host(AF_INET, host);
  if (address.empty())
    return wrong(
        "the address must be numeric, names are not looked up: write \"127.0.0.1:PORT\" "
        "or \"[::]:PORT\"");
  const uint16_t port = TRY(parse_port(text.substr(colon + 1)));
  return address + ":" + std::to_string(port);
}

}  // namespace

Result<std::string> canonical_address(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return canonical_unix_path(text.substr(kUnixPrefix.size()));
  if (text.starts_with('/'))
    return wrong("a Unix socket is written \"unix:" + std::string(text) + "\"");
  return text.starts_with('[') ? canonical_v6(text) : canonical_v4(text);
}

}  // namespace sockherd::config
