// Sources: the addresses that connections come from.
//
// A source address has no more ports than ip_local_port_range towards one address and port; on
// loopback there are 16 million addresses to come from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/result.h"

namespace sockherd::load {

class Sources {
 public:
  Sources() = default;  // the kernel chooses

  // "127.0.0.2-127.0.0.60", or one address. IPv4.
  static Result<Sources> parse(std::string_view text);

  // So many of 127.0.0.0/8 that each has enough ports for its share.
  static Sources of_loopback(uint64_t connections, uint32_t ports);

  bool is_any() const { return count_ == 0; }
  uint32_t count() const { return count_; }
  uint32_t of(uint64_t connection) const {  // in host order
    return first_ + static_cast<uint32_t>(connection % count_);
  }
  std::string text() const;

  // Binds a socket that will connect; the port is chosen by connect(2), for its four-tuple.
  Result<void> bind(int fd, uint64_t connection) const;

 private:
  Sources(uint32_t first, uint32_t count) : first_(first), count_(count) {}

  uint32_t first_ = 0;
  uint32_t count_ = 0;
};

}  // namespace sockherd::load
