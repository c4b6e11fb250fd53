// SocketOwner: whose socket it is in a listener's group: a slot's, and which one of it. A slot has
// one socket for each thread of its worker; more where it had more threads once.
//
// The kernel knows a socket by its number in the group, which never changes; an owner is given the
// next number when it first needs a socket, and keeps it. So with one thread a worker, number and
// slot are the same.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sockherd::supervisor {

struct SocketOwner {
  uint32_t slot = 0;
  uint32_t lane = 0;  // thread `lane % threads` serves it

  auto operator<=>(const SocketOwner&) const = default;
};

// By the key of a group and number. Sockets beyond are nobody's yet: those of socket units, for
// which there is no worker.
using SocketOwners = std::map<std::string, std::vector<SocketOwner>>;

}  // namespace sockherd::supervisor
