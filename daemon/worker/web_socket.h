// WebSocket: an open one as its handler sees it; WebSocketHandler: who answers on it.
//
// Both belong to one loop: everything is called from there. What the bytes are, and when the
// connection ends, is web_socket_connection.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/io/loop.h"
#include "daemon/rooms/member.h"
#include "daemon/websocket/kind.h"

namespace sockherd::rooms {
class Hub;
}

namespace sockherd::worker {

// Owned by its connection; there from on_open() to the end of on_close().
class WebSocket : public rooms::Member {
 public:
  enum class Sent : uint8_t {
    Queued,
    Dropped,  // the client does not take what waits for it already (websocket_slow)
    Closing,  // nothing can be sent any more
  };

  // The payload is not needed after the call. A text must be UTF-8. What is sent within one turn of
  // the loop leaves together.
  virtual Sent send(websocket::Kind kind, std::string_view payload) = 0;

  // Begins the close handshake, behind what is queued; on_close() follows, later. Nothing where it
  // has begun already.
  // code: one that may be sent (websocket/close.h), or 1005 for none. reason: UTF-8; cut to 123
  // bytes.
  virtual void close(uint16_t code, std::string_view reason) = 0;

  virtual void ping() = 0;

  // Bytes that wait for the client.
  virtual size_t unsent() const = 0;

  // Reads no more for now, and then again: what the client sends meanwhile waits in its socket.
  // From resume() on messages come with the next turn of the loop.
  virtual void pause() = 0;
  virtual void resume() = 0;

  virtual io::Loop& loop() = 0;

  // The rooms of this loop, which it leaves by itself when it closes.
  virtual rooms::Hub& hub() = 0;

  void* context = nullptr;  // the handler's own, which it frees in on_close()
};

// Outlives all its connections.
class WebSocketHandler {
 public:
  virtual void on_open(WebSocket& /*socket*/) {}

  // The payload is void after the call. A text is UTF-8.
  virtual void on_message(WebSocket& socket, websocket::Kind kind, std::string_view payload) = 0;

  // Exactly once for each on_open(), and the last that is heard of it; it is in no room any more.
  // code: what the client said, 1005 where it gave none, 1006 where the connection broke; where it
  // broke the rules, what it was told. reason: void after the call.
  virtual void on_close(WebSocket& /*socket*/, uint16_t /*code*/, std::string_view /*reason*/) {}

  // There is room again, where a message was dropped or unsent() had reached websocket_buffer.
  virtual void on_writable(WebSocket& /*socket*/) {}

 protected:
  ~WebSocketHandler() = default;
};

// On which a request for a WebSocket is accepted.
struct WebSocketTerms {
  // Of pages that may open one: "https://example.org", "*" for all; where there are none, those
  // that come from the host which they talk to.
  std::span<const std::string> origins{};
  std::span<const std::string_view> subprotocols{};  // offered; they outlive the call
  bool deflate = true;                               // where the pool's configuration allows it
};

}  // namespace sockherd::worker
