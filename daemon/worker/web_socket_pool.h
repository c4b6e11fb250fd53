// WebSocketPool: what the WebSockets of one loop share: traffic that is not under way, reused last
// in, first out, and what compresses and decompresses for all of them.
//
// A message to a large room gives all who hear it traffic at the same time. A while after such a
// moment the memory goes back to the kernel, or it would be many times what idle ones take.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/io/loop.h"
#include "daemon/websocket/deflate.h"
#include "daemon/websocket/receiver.h"

namespace sockherd::worker {

class BufferPool;
struct WebSocketTraffic;

class WebSocketPool final : private io::Timer {
 public:
  WebSocketPool(io::Loop& loop, BufferPool& buffers);
  ~WebSocketPool() override;

  // For one connection, which owns it until it gives it back.
  WebSocketTraffic* acquire(const websocket::Receiver::Terms& terms);
  void release(WebSocketTraffic* traffic);
  size_t in_use() const { return in_use_; }

  websocket::Inflater inflater;
  websocket::Deflater deflater;

  // What the two make; void when they are used next.
  std::string inflated;
  std::string deflated;
  // Gives back what a long message took.
  static void trim(std::string& scratch);

 private:
  void on_due(Instant now) override;

  io::Loop& loop_;
  BufferPool& buffers_;
  size_t in_use_ = 0;
  std::vector<std::unique_ptr<WebSocketTraffic>> free_;
};

}  // namespace sockherd::worker
