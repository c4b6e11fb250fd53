#include "daemon/worker/client_names.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>

namespace sockherd::worker {
namespace {

// IPv4 within IPv6 is IPv4.
size_t write_host(const sockaddr_storage& from, std::array<char, INET6_ADDRSTRLEN>& text) {
  const char* written = nullptr;
  if (from.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(from);
    written = ::inet_ntop(AF_INET, &in.sin_addr, text.data(), INET6_ADDRSTRLEN);
  } else if (from.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(from);
    constexpr size_t kPrefix = 12;
    written =
        IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)
            ? ::inet_ntop(AF_INET, in6.sin6_addr.s6_addr + kPrefix, text.data(), INET6_ADDRSTRLEN)
            : ::inet_ntop(AF_INET6, &in6.sin6_addr, text.data(), INET6_ADDRSTRLEN);
  }
  return written == nullptr ? 0 : std::strlen(text.data());
}

uint16_t port_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(from).sin_port);
  if (from.ss_family != AF_INET6) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in6&>(from).sin6_port);
}

}  // namespace

void ClientNames::look_up(int fd, Entry& entry) {
  entry.is_known = true;
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  entry.address_bytes = entry.port_bytes = 0;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    entry.address_bytes = static_cast<uint8_t>(write_host(address, entry.address));
  }
  size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
  const uint16_t port = port_of(address);
  if (port == 0) return;
  char* const begin = entry.port.data();
  const std::to_chars_result end = std::to_chars(begin, begin + entry.port.size(), port);
  entry.port_bytes = static_cast<uint8_t>(end.ptr - begin);
}

http::ForwardClient ClientNames::of(int fd) {
  const auto index = static_cast<size_t>(fd);
  if (index >= entries_.size()) entries_.resize(index + 1);
  Entry& entry = entries_[index];
  if (!entry.is_known) look_up(fd, entry);
  return {.address = {entry.address.data(), entry.address_bytes},
          .port = {entry.port.data(), entry.port_bytes}};
}

}  // namespace sockherd::worker
