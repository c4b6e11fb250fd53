#include "daemon/module/open_socket.h"

#include <stdexcept>

#include "daemon/http/named_values.h"
#include "daemon/module/application.h"
#include "daemon/websocket/close.h"
#include "daemon/websocket/handshake.h"

namespace sockherd::module {
namespace {

constexpr size_t kMostPairs = 1000;
constexpr uint16_t kInternalError = 1011;

OpenSocket& socket_of(worker::WebSocket& socket) {
  return *static_cast<OpenSocket*>(socket.context);
}

app::Kind kind_of(websocket::Kind kind) {
  return kind == websocket::Kind::Text ? app::Kind::Text : app::Kind::Binary;
}

std::string_view find(const OpenSocket::Texts& texts, std::string_view name) {
  for (const auto& [key, value] : texts) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

// --- OpenSocket

bool OpenSocket::send(std::string_view text) {
  check_text(app::Kind::Text, text);
  return is_open() && socket_->send(websocket::Kind::Text, text) == worker::WebSocket::Sent::Queued;
}

bool OpenSocket::send_binary(std::string_view bytes) {
  return is_open() &&
         socket_->send(websocket::Kind::Binary, bytes) == worker::WebSocket::Sent::Queued;
}

void OpenSocket::close(uint16_t code, std::string_view reason) {
  if (!websocket::may_be_sent(code)) {
    throw std::invalid_argument("a WebSocket cannot be closed with " + std::to_string(code));
  }
  if (!is_open()) return;
  is_closing_ = true;
  socket_->close(code, reason);
}

void OpenSocket::join(std::string_view room) {
  check_room(room);
  if (is_open()) application_.service().hub->join(*socket_, room);
}

void OpenSocket::leave(std::string_view room) {
  if (socket_ != nullptr) application_.service().hub->leave(*socket_, room);
}

void OpenSocket::publish(std::string_view room, std::string_view payload, app::Kind kind) {
  check_room(room);
  check_text(kind, payload);
  application_.service().hub->publish(room, module::kind_of(kind), payload, socket_);
}

std::string_view OpenSocket::param(std::string_view name) const {
  return find(params_, name);
}

std::string_view OpenSocket::query(std::string_view name) const {
  if (queries_ == nullptr) {
    queries_ = std::make_unique<Texts>();
    const auto parsed = http::parse_urlencoded(query_, kMostPairs);
    if (parsed) {
      for (const http::NamedValue& each : parsed->pairs()) {
        queries_->emplace_back(each.name, each.value);
      }
    }
  }
  return find(*queries_, name);
}

// --- SocketRoute

SocketRoute::SocketRoute(Application& application, app::WebSocketHandlers handlers,
                         const Pattern& pattern)
    : application_(application),
      handlers_(std::move(handlers)),
      protocols_(handlers_.protocols.begin(), handlers_.protocols.end()),
      route_{.pattern = pattern.text, .names = pattern.names()} {}

SocketRoute::~SocketRoute() = default;

void SocketRoute::accept(const http::RequestHead& head, const Values& values,
                         worker::Exchange& exchange) {
  OpenSocket::Texts params;
  for (size_t i = 0; i < route_.names.size(); ++i)
    params.emplace_back(route_.names[i], values.values[i]);
  auto made = std::make_unique<OpenSocket>(application_, std::move(params), std::string(head.query),
                                           websocket::choose_subprotocol(head, protocols_));
  OpenSocket* socket = made.get();
  open_.emplace(socket, std::move(made));
  const worker::WebSocketTerms terms{.origins = handlers_.origins, .subprotocols = protocols_};
  if (!exchange.accept_web_socket(terms, *this, socket)) open_.erase(socket);
}

void SocketRoute::on_open(worker::WebSocket& engine) {
  OpenSocket& socket = socket_of(engine);
  socket.attach(&engine);
  if (!handlers_.on_open) return;
  if (!application_.guard(route_.pattern, [&] { handlers_.on_open(socket); })) {
    engine.close(kInternalError, "");
  }
}

void SocketRoute::on_message(worker::WebSocket& engine, websocket::Kind kind,
                             std::string_view payload) {
  if (!handlers_.on_message) return;
  OpenSocket& socket = socket_of(engine);
  if (!application_.guard(route_.pattern,
                          [&] { handlers_.on_message(socket, payload, kind_of(kind)); })) {
    engine.close(kInternalError, "");
  }
}

void SocketRoute::on_close(worker::WebSocket& engine, uint16_t code, std::string_view /*reason*/) {
  const auto found = open_.find(&socket_of(engine));
  const std::unique_ptr<OpenSocket> socket = std::move(found->second);
  open_.erase(found);
  socket->attach(nullptr);
  if (handlers_.on_close)
    application_.guard(route_.pattern, [&] { handlers_.on_close(*socket, code); });
}

void SocketRoute::on_writable(worker::WebSocket& engine) {
  OpenSocket& socket = socket_of(engine);
  if (handlers_.on_writable)
    application_.guard(route_.pattern, [&] { handlers_.on_writable(socket); });
}

}  // namespace sockherd::module
