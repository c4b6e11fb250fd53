// What was agreed on in a handshake, for the WebSocket that comes of it.
#pragma once

#include <cstdint>

namespace sockherd::worker {

class WebSocketHandler;

struct WebSocketUpgrade {
  WebSocketHandler* handler = nullptr;
  void* context = nullptr;
  uint8_t deflate_window_bits = 0;  // of what we send; 0: no permessage-deflate
};

}  // namespace sockherd::worker
