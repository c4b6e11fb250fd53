// FreePorts: TCP ports for programs that bind one of their own.
//
// Between our choice and the bind of a program lie seconds, and nothing may come between. So:
//   - where the kernel leaves any, a port is none of those that it gives to outgoing connections;
//   - it was free a moment ago: a bind to all addresses succeeds;
//   - it is claimed by the name of an abstract Unix socket, which belongs to the network namespace
//     as the port does: two services of ours on one machine never choose the same one. The port
//     itself can not be held: a program that does not set SO_REUSEADDR could not bind it then;
//   - it is not given out again before all others had their turn: whoever still tries to reach the
//     program before finds nobody.
#pragma once

#include <cstdint>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 0;
  bool operator==(const PortRange&) const = default;
};

// Where programs get their ports, beside those of outgoing connections. Pure.
PortRange ports_beside(PortRange outgoing);

class FreePorts {
 public:
  struct Port {
    uint16_t number = 0;
    UniqueFd claim;  // for as long as the program lives
  };

  FreePorts();
  explicit FreePorts(PortRange range, uint32_t start) : range_(range), next_(start) {}

  // Errors: all are taken (EADDRINUSE), or nobody can look (EMFILE).
  Result<Port> take();

  // The claim to a port that a program has already. Errors: EADDRINUSE: somebody has it.
  static Result<UniqueFd> claim(uint16_t port);

 private:
  PortRange range_;
  uint32_t next_;  // counts on, modulo the range
};

}  // namespace sockherd::sys
