// <sockherd/app.h>: applications in C++, loaded by the workers of sockherd.
//
//   #include <sockherd/app.h>
//
//   SOCKHERD_APP(app) {
//     app.get("/hello/:name", [](sockherd::app::Request& request, sockherd::app::Response&
//     response) {
//       response.text("Hello, " + std::string(request.param("name")) + "!\n");
//     });
//   }
//
// The body is called once in each thread of each worker, and everything that is registered in it is
// called by that thread only (except handlers that are `blocking`): what lambdas capture needs no
// lock, and what is static is shared. docs/applications.md is the manual.
#pragma once

#include <sockherd/abi.h>
#include <sockherd/error.h>
#include <sockherd/request.h>
#include <sockherd/response.h>
#include <sockherd/web_socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sockherd::app {

using Handler = std::function<void(Request& request, Response& response)>;
using Call = std::function<void()>;

struct RouteOptions {
  // It may wait: it runs on one of the pool's blocking_threads, with its filters. Then it may not
  // keep its response, nor stream.
  bool blocking = false;
  // Of a body that is held in memory; max_body_size of the pool counts as well.
  uint64_t max_body = uint64_t{16} << 20;
};
inline constexpr RouteOptions kBlocking{.blocking = true};

// A timer that App::every() or App::after() has started.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual void cancel() = 0;
};

// Which thread of which worker this is.
struct Worker {
  std::string_view pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  int32_t pid = 0;
  uint32_t thread = 0;
  uint32_t threads = 1;
};

// A message of a room.
struct Message {
  std::string_view room;
  std::string_view payload;
  Kind kind = Kind::Text;
};

enum class Level : uint8_t { Debug, Info, Notice, Warning, Error };

class App {
 public:
  // --- Routes. A pattern is a path; ":name" stands for one segment, "*name" for all the rest, at
  // its end. Plain segments win over ":name", that wins over "*name". HEAD is answered by the
  // route for GET, OPTIONS and other methods by the worker. Throws std::invalid_argument for a bad
  // pattern, or the same one twice.

  virtual void route(Method method, std::string_view pattern, Handler handler,
                     RouteOptions options = {}) = 0;
  void get(std::string_view pattern, Handler handler, RouteOptions options = {}) {
    route(Method::Get, pattern, std::move(handler), options);
  }
  void post(std::string_view pattern, Handler handler, RouteOptions options = {}) {
    route(Method::Post, pattern, std::move(handler), options);
  }
  void put(std::string_view pattern, Handler handler, RouteOptions options = {}) {
    route(Method::Put, pattern, std::move(handler), options);
  }
  void patch(std::string_view pattern, Handler handler, RouteOptions options = {}) {
    route(Method::Patch, pattern, std::move(handler), options);
  }
  void del(std::string_view pattern, Handler handler, RouteOptions options = {}) {
    route(Method::Delete, pattern, std::move(handler), options);
  }
  void options(std::string_view pattern, Handler handler, RouteOptions options = {}) {
    route(Method::Options, pattern, std::move(handler), options);
  }
  virtual void websocket(std::string_view pattern, WebSocketHandlers handlers) = 0;

  // --- Filters, in the order in which they are added, around what a route answers.

  virtual void before(std::string_view pattern, Handler filter) = 0;
  virtual void after(std::string_view pattern, Handler filter) = 0;
  void before(Handler filter) { before("/*", std::move(filter)); }
  void after(Handler filter) { after("/*", std::move(filter)); }

  // Answers for that status, where nobody has said what to send: no route (404), another method
  // (405), Response::fail(), HttpError, an exception (500), no room for blocking handlers (503).
  virtual void error(int status, Handler handler) = 0;

  // --- Time. Until it is cancelled; a handle that is dropped cancels nothing.

  virtual std::shared_ptr<Timer> every(std::chrono::milliseconds interval, Call call) = 0;
  virtual std::shared_ptr<Timer> after(std::chrono::milliseconds delay, Call call) = 0;

  // --- Threads.

  // Calls it in this app's thread, soon. From any thread.
  virtual void post(Call call) = 0;
  // Runs `work` on a blocking thread, then `done` in this app's. False: the queue is full, or the
  // worker is about to end.
  virtual bool blocking(Call work, Call done) = 0;

  // The worker is about to end, and waits for what is under way: let go of what would wait for
  // ever. Event streams are ended by themselves.
  virtual void on_drain(Call call) = 0;

  // --- Rooms. From any thread.

  virtual void publish(std::string_view room, std::string_view payload, Kind kind = Kind::Text) = 0;
  // Called for what is published there from now on, wherever. In the order of each sender.
  virtual void listen(std::string_view room, std::function<void(const Message& message)> call) = 0;
  virtual size_t members(std::string_view room) const = 0;  // in this thread

  virtual Worker worker() const = 0;
  // One line of the worker's log. From any thread.
  virtual void log(Level level, std::string_view text) = 0;

  App(const App&) = delete;
  App& operator=(const App&) = delete;

 protected:
  App() = default;
  ~App() = default;
};

}  // namespace sockherd::app
