#include "admin/load/sources.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>

namespace sockherd::load {
namespace {

constexpr uint32_t kFirstOfLoopback = 0x7f000002;  // 127.0.0.2

std::optional<uint32_t> address_of(std::string_view text) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::string text_of(uint32_t address) {
  char text[INET_ADDRSTRLEN] = "";
  const in_addr in{htonl(address)};
  ::inet_ntop(AF_INET, &in, text, sizeof text);
  return text;
}

}  // namespace

Result<Sources> Sources::parse(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = address_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : address_of(text.substr(dash + 1));
  if (!first || !last || *last < *first) {
    return Error{EINVAL, "source addresses \"" + std::string(text) +
                             "\": expected IPv4 addresses, as 127.0.0.2-127.0.0.60"};
  }
  return Sources(*first, *last - *first + 1);
}

// A third of the ports: connect(2) looks for a free one from a random place on, and that is quick
// only where most are free.
Sources Sources::of_loopback(uint64_t connections, uint32_t ports) {
  const uint64_t each = std::max<uint64_t>(ports / 3, 1);
  return {kFirstOfLoopback, static_cast<uint32_t>((connections + each - 1) / each)};
}

std::string Sources::text() const {
  if (is_any()) return "any";
  const std::string first = text_of(first_);
  return count_ == 1 ? first : first + "-" + text_of(first_ + count_ - 1);
}

Result<void> Sources::bind(int fd, uint64_t connection) const {
  if (is_any()) return {};
  const int on = 1;
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(of(connection));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  return errno_error("bind to " + text_of(of(connection)));
}

}  // namespace sockherd::load
