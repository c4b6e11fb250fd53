// Limits of a worker in the types that the engine works with.
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/base/instant.h"
#include "daemon/config/config.h"
#include "daemon/http/request.h"
#include "daemon/worker/pace.h"

namespace sockherd::worker {

// What becomes of messages for a client that does not take them (websocket_buffer is full).
enum class SlowPolicy : uint8_t {
  Wait,   // what it sends itself waits in its socket; what others send it is dropped
  Drop,   // they are dropped
  Close,  // the connection ends
};

struct WebSocketLimits {
  uint64_t max_message_bytes = uint64_t{16} << 20;
  size_t buffer_bytes = size_t{1} << 20;  // that wait for the client
  SlowPolicy slow = SlowPolicy::Wait;
  Duration ping = std::chrono::seconds(30);     // silent for so long: is asked whether it is there
  Duration timeout = std::chrono::seconds(30);  // and has so long to say so
  Duration close_timeout = std::chrono::seconds(5);
  Duration drain = std::chrono::seconds(10);  // a drain closes them over this window
  bool deflate = true;
};

// What is not said here is as the option table says (limits_test.cc).
struct Limits {
  http::HeadLimits head;
  size_t max_connections = 1024;
  size_t most_adopted = 2048;  // connections that others hand over count up to here
  uint64_t max_body_bytes = 1 << 20;
  Duration header_timeout = std::chrono::seconds(15);
  Duration body_timeout = std::chrono::seconds(30);
  Duration write_timeout = std::chrono::seconds(60);
  Duration keepalive_timeout = std::chrono::seconds(75);
  MinimumRate body_rate{240, std::chrono::seconds(10)};
  MinimumRate read_rate{240, std::chrono::seconds(10)};
  uint32_t connection_requests = 100'000;  // of one connection; 0: any number
  Duration drain_idle = std::chrono::milliseconds(500);
  Duration drain_spread = std::chrono::milliseconds(250);
  WebSocketLimits web_socket;

  // max_connections = 0 becomes what `descriptors` leave after a reserve for everything else; half
  // of it where a client's request may take a second one, to who stands behind a proxy route.
  enum class Proxies : uint8_t { None, Some };
  static Limits create(const config::Limits& from, size_t descriptors, Proxies proxies);

  // What a block of the buffer pool must hold: a whole head, or the head of any answer of ours.
  size_t block_bytes() const;
};

}  // namespace sockherd::worker
