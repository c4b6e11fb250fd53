// WebSocket: one open WebSocket, as its handlers see it. Of one thread: that of its connection.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sockherd::app {

enum class Kind : uint8_t { Text, Binary };

class WebSocket {
 public:
  // False: dropped, the client is too far behind, or gone.
  virtual bool send(std::string_view text) = 0;
  virtual bool send_binary(std::string_view bytes) = 0;
  virtual void close(uint16_t code = 1000, std::string_view reason = "") = 0;
  virtual bool is_open() const = 0;
  virtual size_t unsent() const = 0;  // bytes that wait for the client

  // Rooms: what is published there comes to all members, in every thread and worker.
  virtual void join(std::string_view room) = 0;
  virtual void leave(std::string_view room) = 0;
  // To all but this one.
  virtual void publish(std::string_view room, std::string_view payload, Kind kind = Kind::Text) = 0;

  virtual std::string_view param(std::string_view name) const = 0;  // of the pattern
  virtual std::string_view query(std::string_view name) const = 0;  // of the handshake; "" if none
  virtual std::string_view protocol() const = 0;                    // that was agreed on

  std::any data;  // the application's own, until on_close has returned

  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

 protected:
  WebSocket() = default;
  virtual ~WebSocket() = default;
};

struct WebSocketHandlers {
  std::function<void(WebSocket& socket)> on_open = {};
  std::function<void(WebSocket& socket, std::string_view payload, Kind kind)> on_message = {};
  // Once for each on_open, and the last: afterwards the socket is gone.
  std::function<void(WebSocket& socket, uint16_t code)> on_close = {};
  std::function<void(WebSocket& socket)> on_writable = {};  // unsent() is low again
  std::vector<std::string> protocols = {};                  // in the order of preference
  std::vector<std::string> origins = {};  // "" = those of the same host; "*" = all
};

}  // namespace sockherd::app
