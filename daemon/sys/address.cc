#include "daemon/sys/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "daemon/base/parse.h"

namespace sockherd::sys {

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto wrong = [text](const char* why) {
    return Error{EINVAL, "address \"" + std::string(text) + "\": " + why};
  };
  if (text.find('\0') != std::string_view::npos) return wrong("it has a NUL byte");
  SocketAddress address;
  if (text.starts_with("unix:")) {
    const std::string_view path = text.substr(5);
    auto* un = reinterpret_cast<sockaddr_un*>(&address.storage_);
    if (!path.starts_with('/')) return wrong("a Unix socket needs an absolute path");
    if (path.size() >= sizeof un->sun_path)
      return wrong("a Unix socket's path has at most 107 bytes");
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, path.data(), path.size());
    address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return wrong("expected HOST:PORT, [HOST]:PORT or unix:/PATH");
  const auto port = parse_number<uint16_t>(text.substr(colon + 1));
  if (!port) return wrong("the port is a number from 0 to 65535");
  std::string host(text.substr(0, colon));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &in6->sin6_addr) != 1)
      return wrong("not an IPv6 address");
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(*port);
    address.size_ = sizeof *in6;
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&address.storage_);
    if (::inet_pton(AF_INET, host.c_str(), &in->sin_addr) != 1) {
      return wrong("not a numeric IPv4 address (IPv6 goes in brackets, names are not resolved)");
    }
    in->sin_family = AF_INET;
    in->sin_port = htons(*port);
    address.size_ = sizeof *in;
  }
  return address;
}

std::optional<SocketAddress> SocketAddress::of_bytes(const void* bytes, size_t size) {
  SocketAddress address;
  if (size < sizeof(sa_family_t)) return std::nullopt;
  std::memcpy(&address.storage_, bytes, std::min(size, sizeof address.storage_));
  const bool is_whole = (address.family() == AF_INET && size >= sizeof(sockaddr_in)) ||
                        (address.family() == AF_INET6 && size >= sizeof(sockaddr_in6));
  if (!is_whole) return std::nullopt;
  address.size_ = address.family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return address;
}

Result<SocketAddress> SocketAddress::of_socket(int fd) {
  SocketAddress address;
  address.size_ = sizeof address.storage_;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage_), &address.size_) != 0) {
    return errno_error("getsockname");
  }
  return address;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  }
  if (family() == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  }
  return 0;
}

std::string SocketAddress::host() const {
  if (is_unix()) return "";
  std::string host = text();
  host.resize(host.rfind(':'));
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

std::string_view SocketAddress::path() const {
  if (!is_unix() || size_ <= offsetof(sockaddr_un, sun_path)) return "";
  return reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
}

std::string SocketAddress::text() const {
  char host[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage_);
    ::inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(port());
  }
  if (family() == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage_);
    ::inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
    return "[" + std::string(host) + "]:" + std::to_string(port());
  }
  return "unix:" + std::string(path());
}

}  // namespace sockherd::sys
