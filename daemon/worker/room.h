// Room: a WebSocket that says to everybody in a room what it hears (websocket = "room:NAME").
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/rooms/hub.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/web_socket.h"

namespace sockherd::worker {

class Room final : public Handler, public WebSocketHandler {
 public:
  // origins: as in WebSocketTerms.
  Room(std::string name, std::vector<std::string> origins)
      : name_(std::move(name)), origins_(std::move(origins)) {}

  std::unique_ptr<Job> handle(const Request& /*request*/, Exchange& exchange) override {
    exchange.accept_web_socket({.origins = origins_}, *this, nullptr);
    return nullptr;
  }
  void on_open(WebSocket& socket) override { socket.hub().join(socket, name_); }
  void on_message(WebSocket& socket, websocket::Kind kind, std::string_view payload) override {
    socket.hub().publish(name_, kind, payload);
  }

 private:
  std::string name_;
  std::vector<std::string> origins_;
};

}  // namespace sockherd::worker
