// WebSocketPool: what the WebSockets of one loop share: traffic that is not under way, reused last
// in, first out, and what compresses and decompresses for all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/websocket/deflate.h"
#include "daemon/websocket/receiver.h"

namespace sockherd::worker {

class BufferPool;
struct WebSocketTraffic;

class WebSocketPool {
 public:
  explicit WebSocketPool(BufferPool& buffers);
  ~WebSocketPool();

  // For one connection, which owns it until it gives it back.
  WebSocketTraffic* acquire(const websocket::Receiver::Terms& terms);
  void release(WebSocketTraffic* traffic);

  websocket::Inflater inflater;
  websocket::Deflater deflater;

  // What the two make; void when they are used next.
  std::string inflated;
  std::string deflated;
  // Gives back what a long message took.
  static void trim(std::string& scratch);

 private:
  BufferPool& buffers_;
  std::vector<std::unique_ptr<WebSocketTraffic>> free_;
};

}  // namespace sockherd::worker
