#include "admin/api/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

namespace sockherd::api {
namespace {

template <typename Address>
Address as(const sockaddr_storage& storage) {
  Address address;
  std::memcpy(&address, &storage, sizeof address);
  return address;
}

std::string numeric(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, address, text.data(), text.size());
  return text.data();
}

std::optional<std::string> tcp_text(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto address = as<sockaddr_in>(storage);
    return numeric(AF_INET, &address.sin_addr) + ":" + std::to_string(ntohs(address.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto address = as<sockaddr_in6>(storage);
    return "[" + numeric(AF_INET6, &address.sin6_addr) +
           "]:" + std::to_string(ntohs(address.sin6_port));
  }
  return std::nullopt;
}

std::string unix_peer(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return "unix";
  return "uid=" + std::to_string(credentials.uid) + " pid=" + std::to_string(credentials.pid);
}

}  // namespace

Peer peer_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  const bool is_known = ::getpeername(socket, reinterpret_cast<sockaddr*>(&storage), &size) == 0;
  if (is_known && storage.ss_family == AF_UNIX) return {Peer::Kind::Unix, unix_peer(socket)};
  // Unknown counts as TCP: under the stricter rules.
  return {Peer::Kind::Tcp, tcp_text(storage).value_or("unknown")};
}

std::optional<std::string> tcp_address_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  return tcp_text(storage);
}

}  // namespace sockherd::api
