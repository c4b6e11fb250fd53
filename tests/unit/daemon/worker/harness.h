// Harness: the engine without listeners. Clients are socket pairs, and time passes when told.
//
// Deadlines are seen through advance(), which moves the timers and not the clock, so no test waits
// for one.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/io/loop.h"
#include "daemon/module/host.h"
#include "daemon/rooms/hub.h"
#include "daemon/worker/connection.h"
#include "daemon/worker/router.h"
#include "daemon/worker/service.h"
#include "daemon/worker/upstreams.h"
#include "tests/unit/daemon/io/engines.h"

namespace sockherd::worker {

class Client {
 public:
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}

  void send(std::string_view bytes) {
    ASSERT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // What fits into the socket now.
  size_t send_some(std::string_view bytes) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  void end_sending() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }

  // All that is there to read.
  std::string read() {
    std::string text;
    std::array<char, 65536> piece;
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), piece.data(), piece.size(), 0);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) at_end_ = true;
      if (got <= 0) return text;
      text.append(piece.data(), static_cast<size_t>(got));
    }
  }
  // Whether the server has ended its side; reads, and drops, what is before that.
  bool is_ended() {
    read();
    return at_end_;
  }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  bool at_end_ = false;
};

class Harness {
 public:
  explicit Harness(const Limits& limits = {})
      : loop_(io::loop_for_tests()),
        page_(std::make_unique<stats::Page>()),
        service_(std::make_unique<Service>(*loop_, router_, page_->counters, limits)) {
    service_->hub = hub_.get();
    service_->upstreams = &upstreams_;
    add_demo("/", Identity{"web", 3, 7, 4242});
  }

  Router& router() { return router_; }
  UpstreamMap& upstreams() { return upstreams_; }
  Service& service() { return *service_; }
  io::Loop& loop() { return *loop_; }

  // A module below `prefix`: the demo, or the path of a shared object.
  Result<void> add_module(const std::string& prefix, const std::string& module,
                          const Identity& identity) {
    const config::Route route{.path = prefix, .module = module};
    std::unique_ptr<Handler> handler = TRY(modules_.make(pool_, route, identity));
    TRY(handler->start(*service_));
    router_.add(prefix, std::move(handler));
    return {};
  }
  void add_demo(const std::string& prefix, const Identity& identity) {
    ASSERT_TRUE(add_module(prefix, "demo", identity).ok());
  }
  Modules& modules() { return modules_; }
  uint64_t count(stats::Count what) const { return page_->counters.get(what); }
  size_t open_connections() const { return service_->connections.size(); }

  Client connect() {
    auto [ours, theirs] = pair();
    Connection::start(*service_, std::move(theirs));
    return Client(std::move(ours));
  }
  Client connect_refused() {
    auto [ours, theirs] = pair();
    Connection::refuse(*service_, std::move(theirs));
    return Client(std::move(ours));
  }

  // Handles all that has come, without waiting.
  void run() {
    for (int i = 0; i < 20; ++i) loop_->turn(loop_->now());
  }

  std::string exchange(Client& client, std::string_view request) {
    client.send(request);
    run();
    return client.read();
  }
  std::string get(std::string_view path, std::string_view fields = "") {
    Client client = connect();
    return exchange(client, "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" +
                                std::string(fields) + "\r\n");
  }

  // Lets deadlines pass. `since_start` grows from call to call.
  void advance(Duration since_start) {
    loop_->timers().advance(start_ + since_start);
    run();
  }

  void drain() {
    service_->phase = ServicePhase::Draining;
    service_->connections.for_each([](Peer& peer) { peer.drain(0); });
    run();
  }

 private:
  static std::pair<UniqueFd, UniqueFd> pair() {
    std::array<int, 2> fds = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
  }

  static config::Pool pool_for_tests() {
    config::Pool pool;
    pool.blocking_threads = 2;
    pool.queue_depth = 4;
    pool.queue_timeout = std::chrono::seconds(5);
    pool.request_timeout = std::chrono::seconds(30);
    return pool;
  }

  config::Pool pool_ = pool_for_tests();
  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<stats::Page> page_;
  std::unique_ptr<rooms::Hub> hub_ = std::make_unique<rooms::Hub>(page_->counters);
  module::Host modules_{pool_};
  UpstreamMap upstreams_;
  Router router_;
  std::unique_ptr<Service> service_;
  Instant start_ = loop_->now();
};

inline size_t occurrences(std::string_view text, std::string_view of) {
  size_t count = 0;
  for (size_t at = text.find(of); at != std::string_view::npos; at = text.find(of, at + 1)) ++count;
  return count;
}

}  // namespace sockherd::worker
