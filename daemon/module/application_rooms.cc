// The rooms of an application: those of its lane's hub.
#include <stdexcept>
#include <utility>

#include "daemon/module/application.h"
#include "daemon/rooms/hub.h"
#include "daemon/websocket/utf8.h"

namespace sockherd::module {

websocket::Kind kind_of(app::Kind kind) {
  return kind == app::Kind::Text ? websocket::Kind::Text : websocket::Kind::Binary;
}

void check_room(std::string_view room) {
  if (!rooms::is_room_name(room)) {
    throw std::invalid_argument("the name of a room has 1 to 255 bytes");
  }
}

void check_text(app::Kind kind, std::string_view payload) {
  if (kind == app::Kind::Text && !websocket::is_utf8(payload)) {
    throw std::invalid_argument("a text for WebSockets that is not UTF-8");
  }
}

void Application::publish(std::string_view room, std::string_view payload, app::Kind kind) {
  check_room(room);
  check_text(kind, payload);
  if (is_own_thread()) {
    service_->hub->publish(room, kind_of(kind), payload);
    return;
  }
  inbox_->post([this, room = std::string(room), text = std::string(payload), kind] {
    service_->hub->publish(room, kind_of(kind), text);
  });
}

void Application::listen(std::string_view room,
                         std::function<void(const app::Message& message)> call) {
  check_room(room);
  if (!call) throw std::invalid_argument("listen() without a callback");
  auto heard = [this, name = std::string(room),
                call = std::move(call)](const std::shared_ptr<const rooms::Message>& message) {
    const app::Message told{
        .room = name,
        .payload = message->payload(),
        .kind = message->kind() == websocket::Kind::Text ? app::Kind::Text : app::Kind::Binary};
    guard("listen", [&] { call(told); });
  };
  listenings_.push_back(service_->hub->listen(room, std::move(heard)));
}

size_t Application::members(std::string_view room) const {
  return service_->hub->size(room);
}

}  // namespace sockherd::module
