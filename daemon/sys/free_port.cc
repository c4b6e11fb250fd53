#include "daemon/sys/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>

#include "daemon/sys/file.h"
#include "daemon/sys/random.h"

namespace sockherd::sys {
namespace {

constexpr uint32_t kFewest = 1024;         // ports that make a range worth using
constexpr uint16_t kFirst = 1024;          // below, it takes a privilege
constexpr PortRange kUsual{32768, 60999};  // of outgoing connections (ip(7))

PortRange outgoing_ports() {
  const auto text = read_file("/proc/sys/net/ipv4/ip_local_port_range");
  unsigned first = 0;
  unsigned last = 0;
  if (!text.ok() || std::sscanf(text.value().c_str(), "%u %u", &first, &last) != 2 ||
      first > last || last > UINT16_MAX) {
    return kUsual;
  }
  return {static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

// To all addresses, of both families where there are both: so it is free whichever a program binds.
// Errors: of making a socket.
Result<bool> is_free(uint16_t port) {
  for (const int family : {AF_INET6, AF_INET}) {
    const UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket && errno == EAFNOSUPPORT) continue;
    if (!socket) return errno_error("socket");
    sockaddr_in6 in6{};
    sockaddr_in in{};
    in6.sin6_family = AF_INET6;
    in.sin_family = AF_INET;
    in6.sin6_port = in.sin_port = htons(port);
    const auto* address = family == AF_INET6 ? reinterpret_cast<const sockaddr*>(&in6)
                                             : reinterpret_cast<const sockaddr*>(&in);
    const socklen_t size = family == AF_INET6 ? sizeof in6 : sizeof in;
    if (::bind(socket.get(), address, size) != 0 && errno != EADDRNOTAVAIL) return false;
  }
  return true;
}

}  // namespace

PortRange ports_beside(PortRange outgoing) {
  if (UINT16_MAX - outgoing.last >= static_cast<int>(kFewest)) {
    return {static_cast<uint16_t>(outgoing.last + 1), UINT16_MAX};
  }
  if (outgoing.first >= kFirst + kFewest) {
    constexpr uint16_t kMost = 8192;
    const int first = std::max<int>(kFirst, outgoing.first - kMost);
    return {static_cast<uint16_t>(first), static_cast<uint16_t>(outgoing.first - 1)};
  }
  return {kFirst, UINT16_MAX};  // there are no others
}

FreePorts::FreePorts()
    : range_(ports_beside(outgoing_ports())), next_(static_cast<uint32_t>(random_number())) {}

Result<FreePorts::Port> FreePorts::take() {
  const uint32_t count = uint32_t{range_.last} - range_.first + 1;
  for (uint32_t tried = 0; tried < count; ++tried) {
    const auto port = static_cast<uint16_t>(range_.first + next_++ % count);
    auto claimed = claim(port);
    if (!claimed.ok() && claimed.error().code != EADDRINUSE) return std::move(claimed).error();
    if (claimed.ok() && TRY(is_free(port))) return Port{port, std::move(claimed).value()};
  }
  return Error{EADDRINUSE, "no port is free from " + std::to_string(range_.first) + " to " +
                               std::to_string(range_.last)};
}

Result<UniqueFd> FreePorts::claim(uint16_t port) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "sockherd.port." + std::to_string(port);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return errno_error("claim port " + std::to_string(port));
  }
  return socket;
}

}  // namespace sockherd::sys
