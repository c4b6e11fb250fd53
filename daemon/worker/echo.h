// Echo: a WebSocket that says what it hears (websocket = "echo").
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/worker/handler.h"
#include "daemon/worker/web_socket.h"

namespace sockherd::worker {

class Echo final : public Handler, public WebSocketHandler {
 public:
  // origins: as in WebSocketTerms.
  explicit Echo(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  std::unique_ptr<Job> handle(const Request& /*request*/, Exchange& exchange) override {
    exchange.accept_web_socket({.origins = origins_}, *this, nullptr);
    return nullptr;
  }
  void on_message(WebSocket& socket, websocket::Kind kind, std::string_view payload) override {
    socket.send(kind, payload);
  }

 private:
  std::vector<std::string> origins_;
};

}  // namespace sockherd::worker
