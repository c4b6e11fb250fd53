// SocketAddress: where a socket listens; the text of it and the kernel's form.
//
// Text: "127.0.0.1:80", "[::]:8080", "unix:/run/x.sock". Numeric hosts only: a supervisor that
// never blocks can not ask a resolver.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace sockherd::sys {

class SocketAddress {
 public:
  static Result<SocketAddress> parse(std::string_view text);

  // An address of TCP as the kernel takes it. Nothing for any other, or half of one.
  static std::optional<SocketAddress> of_bytes(const void* bytes, size_t size);

  // The address that a socket is bound to. An unnamed or abstract Unix address has an empty path.
  static Result<SocketAddress> of_socket(int fd);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  uint16_t port() const;          // 0 for Unix
  std::string host() const;       // "::1"; "" for Unix
  std::string_view path() const;  // "" for TCP
  std::string text() const;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
    return a.text() == b.text();
  }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace sockherd::sys
