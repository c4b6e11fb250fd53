// Application: one module in one lane: its routes, filters, timers and rooms, and what answers the
// requests of its route in the configuration.
//
// All calls into the module are made here, and none of its exceptions leaves: the engine below is
// built without them. What a call wants of the engine that may end in other calls (sending what was
// kept, waking a stream) is done behind it, in the loop's next turn: schedule().
#pragma once

#include <sockherd/app.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/io/loop.h"
#include "daemon/module/blocking_pool.h"
#include "daemon/module/call.h"
#include "daemon/module/failure_log.h"
#include "daemon/module/inbox.h"
#include "daemon/module/pattern.h"
#include "daemon/module/route_table.h"
#include "daemon/rooms/hub.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/identity.h"
#include "daemon/worker/service.h"

namespace sockherd::module {

class HostTimer;

// What `call` throws, in words; "" if nothing.
template <typename Body>
std::string failure_of(const Body& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return std::string("exception: ") + error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
  return "";
}

class OpenStream;

class Application final : public worker::Handler, private app::App, private io::Watcher {
 public:
  struct Settings {
    std::string name;    // "demo", or the path of the file; for messages
    std::string prefix;  // the path of its route, without the last slash
    worker::Identity identity;
    std::function<void(app::App&)> setup;
    BlockingPool* pool;  // of the worker, outlives it
    Duration queue_timeout;
    Duration request_timeout;
  };

  explicit Application(Settings settings);
  ~Application() override;

  // --- worker::Handler
  Result<void> start(worker::Service& service) override;
  void drain() override;
  std::unique_ptr<worker::Job> handle(const worker::Request& request,
                                      worker::Exchange& exchange) override;

  // --- For what belongs to it: calls, streams, tasks. On its thread.

  std::string_view prefix() const { return settings_.prefix; }
  const Settings& settings() const { return settings_; }
  worker::Service& service() { return *service_; }
  const std::shared_ptr<Inbox>& inbox() const { return inbox_; }
  bool is_own_thread() const { return std::this_thread::get_id() == thread_; }

  // Calls it in the next turn, before which the loop does not sleep.
  void schedule(std::function<void()> call);
  std::shared_ptr<app::Timer> start_timer(std::chrono::milliseconds delay,
                                          std::chrono::milliseconds interval, app::Call call);
  void end_at_drain(std::weak_ptr<OpenStream> stream) { ending_.push_back(std::move(stream)); }

  // Runs filters and handler, on the thread that has the call; throws nothing. False: it has
  // failed, and `failure` is what is to be told, "" where that is nothing.
  bool run(Call& call, std::string& failure) const;
  // Lets the error handlers have their say, and tells what went wrong. On the loop.
  void conclude(Call& call, const std::string& failure);
  void finish_kept(std::shared_ptr<Call> call);
  void answer_forgotten(const std::shared_ptr<Wire>& wire, const std::string& route);
  // A call of the module's that belongs to no request.
  // False: it has thrown, which is told.
  template <typename Body>
  bool guard(std::string_view what, const Body& call) {
    const std::string failure = failure_of(call);
    if (!failure.empty()) tell(what, failure);
    return failure.empty();
  }
  // A failure, for the log.
  void tell(std::string_view where, std::string_view what);

 private:
  struct Filter {
    Pattern pattern;
    app::Handler handler;
    bool fits_all;
  };

  // --- app::App
  void route(app::Method method, std::string_view pattern, app::Handler handler,
             app::RouteOptions options) override;
  void websocket(std::string_view pattern, app::WebSocketHandlers handlers) override;
  void before(std::string_view pattern, app::Handler filter) override;
  void after(std::string_view pattern, app::Handler filter) override;
  void error(int status, app::Handler handler) override;
  std::shared_ptr<app::Timer> every(std::chrono::milliseconds interval, app::Call call) override;
  std::shared_ptr<app::Timer> after(std::chrono::milliseconds delay, app::Call call) override;
  void post(app::Call call) override;
  bool blocking(app::Call work, app::Call done) override;
  void on_drain(app::Call call) override;
  void publish(std::string_view room, std::string_view payload, app::Kind kind) override;
  void listen(std::string_view room,
              std::function<void(const app::Message& message)> call) override;
  size_t members(std::string_view room) const override;
  app::Worker worker() const override;
  void log(app::Level level, std::string_view text) override;

  // --- io::Watcher: the inbox
  void on_ready(io::Events events) override;

  void only_in_setup() const;
  static Pattern parse_pattern(std::string_view text);
  static void filter(const std::deque<Filter>& filters, Call& call);
  void add_filter(std::deque<Filter>& filters, std::string_view pattern, app::Handler handler);

  Call& fresh_call();
  void end_call();
  void run_before(Call& call) const;
  template <typename Body>
  static bool run_guarded(Call& call, std::string& failure, const Body& body);

  std::unique_ptr<worker::Job> handle_other(const worker::Request& request, std::string_view path,
                                            RouteTable::Found found, worker::Exchange& exchange);
  std::unique_ptr<worker::Job> dispatch(const http::RequestHead& head, worker::Exchange& exchange);
  std::unique_ptr<worker::Job> await_body(const http::RequestHead& head,
                                          worker::Exchange& exchange);
  std::unique_ptr<worker::Job> open_web_socket(SocketRoute& route, const http::RequestHead& head,
                                               std::string_view path, worker::Exchange& exchange);
  std::unique_ptr<worker::Job> answer_unrouted(const RouteTable::Found& found,
                                               worker::Exchange& exchange);
  std::unique_ptr<worker::Job> answer_failed(int status, std::string_view text,
                                             worker::Exchange& exchange);
  static bool takes_body(app::Method method);

  Settings settings_;
  worker::Service* service_ = nullptr;
  std::thread::id thread_;
  bool is_set_up_ = false;
  bool has_filters_ = false;
  RouteTable table_;
  std::deque<Filter> before_;
  std::deque<Filter> after_;
  std::map<int, app::Handler> errors_;
  std::vector<app::Call> drain_calls_;
  std::shared_ptr<Inbox> inbox_;
  io::Watch watch_;
  std::vector<std::function<void()>> scheduled_;
  std::unordered_set<std::shared_ptr<HostTimer>> timers_;
  std::vector<std::weak_ptr<OpenStream>> ending_;
  std::vector<std::unique_ptr<rooms::Listening>> listenings_;
  std::shared_ptr<Call> spare_;  // for the next request
  FailureLog failures_;
};

websocket::Kind kind_of(app::Kind kind);
// Throws where that is no name of a room.
void check_room(std::string_view room);
// Throws where a text is not UTF-8: whoever gets it would have to close.
void check_text(app::Kind kind, std::string_view payload);

}  // namespace sockherd::module
