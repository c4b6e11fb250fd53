#include "admin/load/target.h"

#include <netdb.h>

#include <array>

#include "daemon/base/parse.h"
#include "daemon/http/characters.h"

namespace sockherd::load {
namespace {

Error wrong(std::string_view url, const std::string& why) {
  return {EINVAL, "URL \"" + std::string(url) + "\": " + why};
}

Result<Target> parse_unix(std::string_view url) {
  Target target;
  target.url = url;
  target.is_unix = true;
  const std::string_view rest = url.substr(5);
  const size_t colon = rest.find(':');
  target.port = rest.substr(0, colon);
  target.path = colon == std::string_view::npos ? "/" : rest.substr(colon + 1);
  target.field = "localhost";
  if (!target.path.starts_with('/')) return wrong(url, "expected unix:/SOCKET[:/PATH]");
  return target;
}

// "[::1]:80" → "::1", "80".
Result<void> parse_authority(std::string_view url, std::string_view authority, Target& target) {
  size_t colon = authority.rfind(':');
  if (authority.ends_with(']')) colon = std::string_view::npos;
  target.field = authority;
  std::string_view host = authority.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return wrong(url, "it has no host");
  if (authority.find('@') != std::string_view::npos) {
    return wrong(url, "user and password belong into --header \"Authorization: ...\"");
  }
  target.host = host;
  target.port = "80";
  if (colon == std::string_view::npos) return {};
  target.port = authority.substr(colon + 1);
  if (parse_number<uint16_t>(target.port).value_or(0) == 0) {
    return wrong(url, "the port must be 1 to 65535");
  }
  return {};
}

}  // namespace

Result<Target> Target::parse(std::string_view url, Protocol protocol) {
  const std::string scheme = protocol == Protocol::Http ? "http://" : "ws://";
  if (url.starts_with("unix:")) return parse_unix(url);
  if (url.starts_with("https://") || url.starts_with("wss://")) {
    return wrong(url, "TLS is not supported; ask the server behind it, with " + scheme);
  }
  if (!url.starts_with(scheme)) return wrong(url, "it must begin with " + scheme + " or unix:/");
  const std::string_view rest = url.substr(scheme.size());
  const size_t slash = std::min(rest.find_first_of("/?#"), rest.size());
  Target target;
  target.url = url;
  TRY(parse_authority(url, rest.substr(0, slash), target));
  target.path = rest.substr(slash, rest.find('#') - slash);
  if (!target.path.starts_with('/')) target.path.insert(0, "/");
  for (const char c : target.path) {
    if (!http::is_in(http::kTargetByte, c)) {
      return wrong(url, "blanks and other bytes must be encoded, as %20");
    }
  }
  return target;
}

Result<sys::SocketAddress> Target::resolve() const {
  if (is_unix) return sys::SocketAddress::parse("unix:" + port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) return Error{0, "host " + host + ": " + ::gai_strerror(code)};
  std::array<char, NI_MAXHOST> text{};
  const int named = ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(),
                                  nullptr, 0, NI_NUMERICHOST);
  const bool is_v6 = found->ai_family == AF_INET6;
  ::freeaddrinfo(found);
  if (named != 0) return Error{0, "host " + host + ": " + ::gai_strerror(named)};
  const std::string number = text.data();
  return sys::SocketAddress::parse((is_v6 ? "[" + number + "]" : number) + ":" + port);
}

}  // namespace sockherd::load
