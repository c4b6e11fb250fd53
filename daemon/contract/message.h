// Messages on the control socket of a worker, a SOCK_SEQPACKET pair: one message a packet.
//
//   VERB=take
//   LISTENER=web
//   SLOT=3
//
// These lines in this order and nothing else. A slot is a socket of the listener's group, by its
// number (lane.h); whose it is, is the supervisor's affair. A hang-up of the socket is a message as
// well: nobody owns this worker any more (the supervisor is gone, and the service manager does not
// keep its end either); it finishes and exits.
//
// The sockets are daemon/sys/packet_socket.h, the worker's side is daemon/worker/control.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockherd::contract {

enum class Verb : uint8_t {
  // Supervisor to worker. Take and Empty carry the listening socket as the packet's one descriptor.
  Take,   // serve this socket of a sibling's slot as well, until told otherwise
  Drop,   // stop accepting on it, and leave what waits: the slot has a worker of its own again
  Empty,  // accept what waits in it, until there is nothing, and close it
  // Worker to supervisor: it is done. A worker that drains answers nothing any more.
  Taken,
  Dropped,
  Emptied,

  // A connection moves: it carries no state but its socket, so another worker of the pool can go on
  // with it, and its client notices nothing. LISTENER and SLOT say where it was accepted.
  //
  // Supervisor to worker, before SIGTERM: once it drains, it may give idle connections away.
  Move,
  // Worker to supervisor, with the connected socket: nothing of it has been read that is not
  // answered. Whoever reads it owns the connection.
  Give,
  // Supervisor to worker, with the socket: serve this connection. A worker that drains does not
  // give it away again: nobody else takes it.
  Adopt,
  // Supervisor to worker: nobody takes connections any more; end them yourself.
  Keep,

  // Supervisor to worker, also to one that drains: open the access log anew, it has been renamed.
  // A message and not SIGUSR1, which would end a worker that has not come to expect it yet.
  // LISTENER and SLOT say nothing.
  Reopen,

  // Supervisor to worker: drain. To one that a predecessor has said to be draining, but perhaps
  // never
  // told: a second SIGTERM would end it at once, this changes nothing where it drains already.
  // LISTENER and SLOT say nothing.
  Drain,
};

struct Message {
  Verb verb = Verb::Take;
  std::string listener;  // its name in the configuration
  uint32_t slot = 0;

  bool operator==(const Message&) const = default;
};

// Requires: `listener` is a name of the configuration.
std::string encode(const Message& message);

// What encode() has made; nothing for anything else.
std::optional<Message> parse(std::string_view packet);

}  // namespace sockherd::contract
