// ClientNames: what a proxy says of clients, as text, by descriptor: their address, and the port
// that they have asked. Looked up once a connection, which forgets it when it ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "daemon/http/forward.h"

namespace sockherd::worker {

class ClientNames {
 public:
  // Views until the next call. The first one costs two system calls.
  http::ForwardClient of(int fd);

  // The number may soon be that of another.
  void forget(int fd) {
    const auto index = static_cast<size_t>(fd);
    if (index < entries_.size()) entries_[index].is_known = false;
  }

 private:
  struct Entry {
    std::array<char, 46> address;  // INET6_ADDRSTRLEN
    std::array<char, 5> port;
    uint8_t address_bytes = 0;
    uint8_t port_bytes = 0;
    bool is_known = false;
  };

  static void look_up(int fd, Entry& entry);

  std::vector<Entry> entries_;
};

}  // namespace sockherd::worker
