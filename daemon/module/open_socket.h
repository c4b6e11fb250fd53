// OpenSocket: a WebSocket as a module sees it; SocketRoute: those of one pattern.
//
// Made with the handshake, kept by the route until the engine says that it is closed.
#pragma once

#include <sockherd/app.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/http/request.h"
#include "daemon/module/pattern.h"
#include "daemon/module/route_table.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/web_socket.h"

namespace sockherd::module {

class Application;

class OpenSocket final : public app::WebSocket {
 public:
  using Texts = std::vector<std::pair<std::string, std::string>>;

  OpenSocket(Application& application, Texts params, std::string query, std::string_view protocol)
      : application_(application),
        params_(std::move(params)),
        query_(std::move(query)),
        protocol_(protocol) {}
  ~OpenSocket() override = default;

  void attach(worker::WebSocket* socket) { socket_ = socket; }  // null: it is gone

  bool send(std::string_view text) override;
  bool send_binary(std::string_view bytes) override;
  void close(uint16_t code, std::string_view reason) override;
  bool is_open() const override { return socket_ != nullptr && !is_closing_; }
  size_t unsent() const override { return socket_ == nullptr ? 0 : socket_->unsent(); }
  void join(std::string_view room) override;
  void leave(std::string_view room) override;
  void publish(std::string_view room, std::string_view payload, app::Kind kind) override;
  std::string_view param(std::string_view name) const override;
  std::string_view query(std::string_view name) const override;
  std::string_view protocol() const override { return protocol_; }

 private:
  Application& application_;
  worker::WebSocket* socket_ = nullptr;
  bool is_closing_ = false;
  Texts params_;
  std::string query_;                       // as sent
  mutable std::unique_ptr<Texts> queries_;  // decoded, once somebody asks
  std::string_view protocol_;               // of the route's
};

class SocketRoute final : public worker::WebSocketHandler {
 public:
  SocketRoute(Application& application, app::WebSocketHandlers handlers, const Pattern& pattern);
  ~SocketRoute();

  // values: of the pattern. Answers the request.
  void accept(const http::RequestHead& head, const Values& values, worker::Exchange& exchange);

  // Without a handler: what filters see of it.
  const Route& as_route() const { return route_; }

 private:
  void on_open(worker::WebSocket& socket) override;
  void on_message(worker::WebSocket& socket, websocket::Kind kind,
                  std::string_view payload) override;
  void on_close(worker::WebSocket& socket, uint16_t code, std::string_view reason) override;
  void on_writable(worker::WebSocket& socket) override;

  Application& application_;
  app::WebSocketHandlers handlers_;
  std::vector<std::string_view> protocols_;  // of handlers_
  Route route_;
  std::unordered_map<OpenSocket*, std::unique_ptr<OpenSocket>> open_;
};

}  // namespace sockherd::module
