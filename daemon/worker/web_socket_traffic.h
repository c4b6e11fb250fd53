// WebSocketTraffic: what a WebSocket needs while something is in flight: bytes that have come, a
// message that is not whole, frames that have not left. An idle one has none (web_socket_pool.h).
#pragma once

#include <string>

#include "daemon/websocket/receiver.h"
#include "daemon/worker/buffer.h"
#include "daemon/worker/outbox.h"
#include "daemon/worker/send_pace.h"

namespace sockherd::worker {

struct WebSocketTraffic {
  WebSocketTraffic(BufferPool& pool, const websocket::Receiver::Terms& terms)
      : in(pool), receiver(terms), out(pool) {}

  bool is_over() const {
    return in.is_empty() && receiver.is_idle() && out.is_empty() && !has_pong;
  }
  void release_memory() {
    in.release_if_empty();
    out.release_if_empty();
  }

  Buffer in;
  websocket::Receiver receiver;
  Outbox out;
  SendPace pace;
  std::string pong;       // the payload of the last ping that is not answered yet
  bool has_pong = false;  // there is one
};

}  // namespace sockherd::worker
