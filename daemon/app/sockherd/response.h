// Response: what the client gets. Collected while filters and handler run, and sent behind them.
//
// A handler that cannot answer yet keeps the response and sends it later, on the same thread (a
// timer, App::post). What it lets go of without sending is answered with 500.
#pragma once

#include <sockherd/error.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#if !defined(SOCKHERD_APP_WITHOUT_JSON)
#include <nlohmann/json.hpp>
#endif

namespace sockherd::app {

enum class SameSite : uint8_t { Lax, Strict, None };

struct Cookie {
  std::string name;
  std::string value;
  std::string path = "/";
  std::string domain = "";                           // "" = this host only
  std::optional<std::chrono::seconds> max_age = {};  // none: until the browser is closed; 0: delete
  bool secure = true;
  bool http_only = true;
  SameSite same_site = SameSite::Lax;
};

// Content that is made while it is sent. Of one thread, as the response is.
class Stream {
 public:
  virtual ~Stream() = default;

  // Takes a piece, or refuses it (false) while the client is behind by more than 64 KiB: then
  // on_writable is called when there is room. An empty stream takes a piece of any size.
  virtual bool write(std::string_view bytes) = 0;
  virtual void end() = 0;
  virtual bool is_open() const = 0;  // the client is there, and end() was not called
  virtual size_t unsent() const = 0;
  virtual void on_writable(std::function<void()> call) = 0;
  virtual void on_close(std::function<void()> call) = 0;  // the client has gone
};

// One event of a stream of them (Server-Sent Events, WHATWG HTML section 9.2).
struct Event {
  std::string_view data;
  std::string_view event = {};
  std::string_view id = {};
  std::optional<std::chrono::milliseconds> retry = {};
};

class EventStream {
 public:
  virtual ~EventStream() = default;

  // False: dropped, the client is behind by more than 64 KiB, or gone.
  virtual bool send(const Event& event) = 0;
  bool send(std::string_view data) { return send(Event{.data = data}); }
  virtual void end() = 0;
  virtual bool is_open() const = 0;
  virtual void on_close(std::function<void()> call) = 0;
  // Of the event that the client has seen last, before it came back.
  virtual std::string_view last_event_id() const = 0;
};

class Response {
 public:
  virtual Response& status(int status) = 0;
  virtual int status() const = 0;

  // Replaces those of that name; add_header() leaves them. Throws std::invalid_argument for what
  // would break out of its line, and for fields that are the worker's: Connection, Content-Length,
  // Date, Transfer-Encoding and the like.
  virtual Response& header(std::string_view name, std::string_view value) = 0;
  virtual Response& add_header(std::string_view name, std::string_view value) = 0;
  // Throws std::invalid_argument for what no browser would take.
  virtual Response& cookie(const Cookie& cookie) = 0;

  // --- The content. The last one counts; in a filter it ends the request.

  virtual Response& content(std::string_view type, std::string bytes) = 0;
  // The same for a type and bytes that live as long as the app; they are not copied.
  virtual Response& constant(std::string_view type, std::string_view bytes) = 0;
  // 404 where there is none. Never a path that a client has chosen: that is for `files` in the
  // configuration. type: "" = by its name.
  virtual Response& file(const std::string& path, std::string_view type = "") = 0;
  virtual Response& redirect(std::string_view location, int status = 303) = 0;
  virtual std::shared_ptr<Stream> stream(std::string_view type) = 0;
  // heartbeat: a comment, so that proxies keep the connection; 0: never.
  virtual std::shared_ptr<EventStream> events(
      std::chrono::milliseconds heartbeat = std::chrono::seconds(15)) = 0;
  // The answer of App::error() for that status, else a line of text.
  virtual void fail(int status, std::string_view text = "") = 0;

  Response& text(std::string bytes) {
    return content("text/plain; charset=utf-8", std::move(bytes));
  }
  Response& html(std::string bytes) {
    return content("text/html; charset=utf-8", std::move(bytes));
  }
  Response& json(std::string bytes) { return content("application/json", std::move(bytes)); }
#if !defined(SOCKHERD_APP_WITHOUT_JSON)
  // What is not UTF-8 in it is replaced: it may come from a client.
  template <typename Json>
  requires std::is_same_v<Json, nlohmann::json> Response& json(const Json& value) {
    return json(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
#endif

  // Something of the above was called.
  virtual bool is_answered() const = 0;

  // The connection ends after this answer.
  virtual Response& close() = 0;

  // --- Answering later.

  virtual std::shared_ptr<Response> keep() = 0;
  virtual void send() = 0;           // once, of a kept one
  virtual bool is_open() const = 0;  // the client still waits

  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;

 protected:
  Response() = default;
  virtual ~Response() = default;
};

}  // namespace sockherd::app
