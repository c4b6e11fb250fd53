// TunnelEnd: who goes on with the socket of a client whose request became a tunnel (101). Destroyed
// without a call where the connection broke before the answer had left.
#pragma once

#include "daemon/io/socket.h"
#include "daemon/worker/buffer.h"

namespace sockherd::worker {

struct Service;

class TunnelEnd {
 public:
  virtual ~TunnelEnd() = default;

  // rest: what has come behind the request; may be taken.
  virtual void begin(Service& service, io::Socket client, Buffer& rest) = 0;
};

}  // namespace sockherd::worker
