// Plan: all that was asked of a load, in one place. What is 0 and has "chosen" beside it is decided
// by complete_plan().
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "admin/load/machine.h"
#include "admin/load/sources.h"
#include "admin/load/target.h"
#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/sys/address.h"

namespace sockherd::load {

enum class Task : uint8_t {
  Exchange,  // requests and their answers, messages and their echoes
  Hold,      // connections that are there and say nothing
  Listen,    // some send, all receive, as in a room
};

// There is one of it, so its order is that of meaning.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct Plan {
  Protocol protocol = Protocol::Http;
  Target target;
  sys::SocketAddress address;
  Sources sources;  // any: chosen
  Task task = Task::Exchange;

  uint64_t connections = 50;
  uint32_t processes = 0;   // chosen
  double connect_rate = 0;  // new connections a second; 0: as fast as they are taken
  Duration duration = std::chrono::seconds(10);  // from when all are open
  double rate = 0;     // requests or messages a second, over all; 0: each after the last
  uint64_t count = 0;  // of these at most; 0: no end but the duration
  uint32_t depth = 1;  // unanswered ones on a connection
  Duration timeout = std::chrono::seconds(10);  // to connect, and for an answer

  // HTTP
  std::string method = "GET";
  std::string body;
  std::vector<std::string> headers;  // "Name: value"; of the handshake too
  bool is_one_each = false;          // a connection for each request

  // WebSocket
  uint64_t size = 64;  // bytes of a message
  bool is_text = false;
  uint64_t max_message_bytes = uint64_t{64} << 20;  // of what comes
  bool deflate = false;
  std::string subprotocol;
  uint64_t senders = 1;        // Listen
  bool echoes_at_end = false;  // one message of each connection, when all else is done
};

// The least size of a message that says when it was sent, and by whom.
inline constexpr uint64_t kStampBytes = 16;

// Processes and source addresses, by what this machine has.
// descriptors: of one process. ports: between the bounds of ip_local_port_range.
// Errors: what cannot be done at all.
Result<void> complete_plan(Plan& plan, uint64_t descriptors, uint32_t ports, unsigned cpus);

// What that wants of this machine. Requires: complete.
Demand demand_of(const Plan& plan);

bool is_loopback(const sys::SocketAddress& address);

// The connections of process `process`: numbers process, process + processes, ...
constexpr uint64_t connections_of(const Plan& plan, uint32_t process) {
  return (plan.connections + plan.processes - 1 - process) / plan.processes;
}
// Of these, those that send.
constexpr uint64_t senders_of(const Plan& plan, uint32_t process) {
  return (plan.senders + plan.processes - 1 - process) / plan.processes;
}

}  // namespace sockherd::load
