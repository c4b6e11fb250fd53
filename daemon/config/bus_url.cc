#include "daemon/config/bus_url.h"

#include <optional>

#include "daemon/base/parse.h"
#include "daemon/config/address.h"

namespace sockherd::config {
namespace {

constexpr std::string_view kScheme = "redis://";
constexpr std::string_view kPort = ":6379";

Error wrong(std::string what) {
  return {0, std::move(what)};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

Result<void> parse_user(std::string_view text, BusUrl& url) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return wrong("what stands before \"@\" is \"USER:PASSWORD\", or \":PASSWORD\"");
  }
  const auto user = percent_decoded(text.substr(0, colon));
  const auto password = percent_decoded(text.substr(colon + 1));
  if (!user || !password) {
    return wrong("a \"%\" in user or password is written \"%25\", an \"@\" \"%40\"");
  }
  if (password->empty()) return wrong("the password before \"@\" is empty; remove \":@\"");
  url.user = *user;
  url.password = *password;
  return {};
}

bool has_port(std::string_view host) {
  const size_t bracket = host.rfind(']');
  return host.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
}

}  // namespace

Result<BusUrl> parse_bus_url(std::string_view text) {
  if (text.starts_with("rediss://")) {
    return wrong(
        "TLS to Redis is not built in: write \"redis://\" and reach it over a private network or a "
        "tunnel (stunnel, WireGuard)");
  }
  if (!text.starts_with(kScheme)) {
    return wrong("expected \"redis://[USER:PASSWORD@]ADDRESS[:PORT][/DATABASE]\"");
  }
  BusUrl url;
  std::string_view rest = text.substr(kScheme.size());
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    TRY(parse_user(rest.substr(0, at), url));
    rest.remove_prefix(at + 1);
  }
  if (rest.starts_with("unix:")) return wrong("Redis is reached by TCP: write its address");
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    const auto database = parse_number<uint32_t>(rest.substr(slash + 1));
    if (!database)
      return wrong("what stands after the address is the number of a database: \"/0\"");
    url.database = *database;
  }
  std::string address(rest.substr(0, slash));
  if (!has_port(address)) address += kPort;
  url.address = TRY(canonical_address(address));
  return url;
}

std::string redacted(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos) return std::string(text);
  const size_t scheme = text.find("://");
  const size_t begin = scheme == std::string_view::npos || scheme > at ? 0 : scheme + 3;
  const size_t colon = text.find(':', begin);
  if (colon == std::string_view::npos || colon > at) return std::string(text);
  return std::string(text.substr(0, colon + 1)) + "***" + std::string(text.substr(at));
}

}  // namespace sockherd::config
