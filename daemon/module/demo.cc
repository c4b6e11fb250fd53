#include "daemon/module/demo.h"

#include <sockherd/app.h>

#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "daemon/base/parse.h"
#include "daemon/http/date.h"
#include "daemon/module/demo_page.h"

namespace sockherd::module {
namespace {

using app::Request;
using app::Response;

constexpr std::string_view kText = "text/plain; charset=utf-8";

constexpr unsigned kDefaultFibonacci = 27;  // about a millisecond
constexpr unsigned kMostFibonacci = 32;     // about ten
constexpr unsigned kDefaultIoMs = 5;
constexpr unsigned kMostIoMs = 10'000;

uint64_t fibonacci(unsigned n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

std::string json_string(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') quoted += '\\';
    if (byte >= 0x20) {
      quoted += c;
    } else {
      quoted += "\\u00";
      quoted += kDigits[byte >> 4];
      quoted += kDigits[byte & 15];
    }
  }
  return quoted + '"';
}

std::string json_of(const app::Worker& worker) {
  return "{\"pool\":" + json_string(worker.pool) + ",\"slot\":" + std::to_string(worker.slot) +
         ",\"generation\":" + std::to_string(worker.generation) +
         ",\"pid\":" + std::to_string(worker.pid) +
         (worker.threads > 1 ? ",\"thread\":" + std::to_string(worker.thread) : "") + "}\n";
}

std::string ten_kilobytes() {
  constexpr std::string_view kLine =
      "sockherd puts a service on every core and never loses a connection.\n";
  constexpr size_t kTenKilobytes = 10'240;
  std::string text;
  while (text.size() < kTenKilobytes) text += kLine;
  text.resize(kTenKilobytes);
  return text;
}

// The number in the query; throws where it is none, or more than `most`.
unsigned number(const Request& request, std::string_view name, unsigned otherwise, unsigned most) {
  const auto wanted = request.query(name);
  if (!wanted) return otherwise;
  const auto number = parse_number<unsigned>(*wanted);
  if (!number || *number > most) {
    throw app::HttpError(400, std::string(name) + " is a number from 0 to " + std::to_string(most));
  }
  return *number;
}

void page(Request& /*request*/, Response& response) {
  response.header("X-Content-Type-Options", "nosniff")
      .header("Referrer-Policy", "no-referrer")
      .header("Content-Security-Policy",
              "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
              "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
      .constant("text/html; charset=utf-8", demo_page());
}

void cpu(Request& request, Response& response) {
  const unsigned n = number(request, "n", kDefaultFibonacci, kMostFibonacci);
  response.text("fibonacci(" + std::to_string(n) + ") = " + std::to_string(fibonacci(n)) + "\n");
}

void time(Request& /*request*/, Response& response) {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto date = http::format_date(std::chrono::floor<std::chrono::seconds>(wall).count());
  response.text("Hello world! The time is " + std::string(date.data(), date.size()));
}

// Not with the type that the client claims: what comes back must not run in a browser.
void echo(Request& request, Response& response) {
  response.header("X-Content-Type-Options", "nosniff")
      .content("application/octet-stream", std::string(request.body()));
}

// One room for all who look at the page, in all workers. Short messages, as it is open to
// everybody.
app::WebSocketHandlers room_handlers(app::App& app) {
  constexpr size_t kMostText = 200;
  const std::string room = "demo";
  return {.on_open = [room](app::WebSocket& socket) { socket.join(room); },
          .on_message =
              [room, &app](app::WebSocket& /*socket*/, std::string_view payload, app::Kind kind) {
                if (kind == app::Kind::Text && payload.size() <= kMostText) {
                  app.publish(room, payload);
                }
              }};
}

}  // namespace

void set_up_demo(app::App& app) {
  app.get("/", page);
  app.get("/plaintext", [](Request& /*request*/, Response& response) {
    response.constant("text/plain", "Hello, World!");
  });
  app.get("/10k", [text = ten_kilobytes()](Request& /*request*/, Response& response) {
    response.constant(kText, text);
  });
  app.get("/whoami", [json = json_of(app.worker())](Request& request, Response& response) {
    response.header("Cache-Control", "no-store").header("X-Content-Type-Options", "nosniff");
    response.constant("application/json", json);
    if (request.query("close") == "1") response.close();
  });
  app.get("/time", time);
  app.get("/cpu", cpu);
  app.get("/io", [&app](Request& request, Response& response) {
    const unsigned ms = number(request, "ms", kDefaultIoMs, kMostIoMs);
    app.after(std::chrono::milliseconds(ms), [kept = response.keep(), ms] {
      kept->text("Waited " + std::to_string(ms) + " ms, and held nobody up.\n");
      kept->send();
    });
  });
  app.post("/echo", echo);
  app.websocket(
      "/ws", {.on_message = [](app::WebSocket& socket, std::string_view payload, app::Kind kind) {
        if (kind == app::Kind::Text) {
          socket.send(payload);
        } else {
          socket.send_binary(payload);
        }
      }});
  app.websocket("/room", room_handlers(app));
}

}  // namespace sockherd::module
