// A chat: one page, one room for everybody in all workers, and what was said lately.
//
// Each message is JSON, {"name", "text", "time"}. It is published in the room "chat", which every
// thread listens to and so keeps the same history.
#include <sockherd/app.h>

#include <chrono>
#include <deque>
#include <string>

#include "page.h"

namespace {

using namespace sockherd::app;
using nlohmann::json;

constexpr size_t kHistory = 100;
constexpr size_t kMostName = 40;
constexpr size_t kMostText = 2000;

int64_t milliseconds_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// What the client typed, as everybody gets it; "" where it is nothing, or too much.
std::string message_of(std::string_view name, std::string_view text) {
  if (text.empty() || text.size() > kMostText) return "";
  const json message = {{"name", name}, {"text", text}, {"time", milliseconds_now()}};
  return message.dump(-1, ' ', false, json::error_handler_t::replace);  // a name may be any bytes
}

}  // namespace

SOCKHERD_APP(app) {
  auto history = std::make_shared<std::deque<std::string>>();  // of this thread

  app.get("/", [](Request&, Response& response) {
    response
        .header("Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                "connect-src 'self'")
        .constant("text/html; charset=utf-8", kPage);
  });

  app.get("/history", [history](Request&, Response& response) {
    std::string all = "[";
    for (const std::string& each : *history) all += (all.size() > 1 ? "," : "") + each;
    response.json(all + "]");
  });

  app.listen("chat", [history](const Message& message) {
    history->emplace_back(message.payload);
    if (history->size() > kHistory) history->pop_front();
  });

  app.websocket("/ws", {.on_open =
                            [history](WebSocket& socket) {
                              std::string name(socket.query("name").substr(0, kMostName));
                              if (name.empty()) return socket.close(1008, "tell a name: ?name=");
                              for (const std::string& each : *history) socket.send(each);
                              socket.data = std::move(name);
                              socket.join("chat");
                            },
                        .on_message =
                            [&app](WebSocket& socket, std::string_view payload, Kind) {
                              const auto* name = std::any_cast<std::string>(&socket.data);
                              if (name == nullptr) return;
                              const std::string message = message_of(*name, payload);
                              if (!message.empty()) app.publish("chat", message);
                            }});
}
