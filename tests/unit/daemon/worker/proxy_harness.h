// ProxyHarness: a proxy route in front of listeners of the test, which accepts, reads and answers
// as who stands behind it.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/config/commands.h"
#include "daemon/sys/address.h"
#include "daemon/sys/shared_memory.h"
#include "daemon/worker/proxy.h"
#include "daemon/worker/upstreams.h"
#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {

// One who stands behind the proxy: a listener on a port of its own.
class Backend {
 public:
  Backend() { listen(0); }

  uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Nobody listens any more; what has been accepted goes on. The port stays ours.
  void stop() { listener_.reset(); }
  void start() { listen(port_); }

  // The next connection that waits; it is non-blocking.
  std::optional<Client> accept() {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return std::nullopt;
    return Client(std::move(fd));
  }

 private:
  void listen(uint16_t port) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 64), 0);
    port_ = sys::SocketAddress::of_socket(listener_.get())->port();
  }

  UniqueFd listener_;
  uint16_t port_ = 0;
};

class ProxyHarness {
 public:
  explicit ProxyHarness(size_t backends = 1, const UpstreamSettings& settings = quiet(),
                        const Limits& limits = {})
      : harness_(limits), backends_(backends) {
    auto memory = sys::create_memory_file("test", contract::UpstreamFile::kBytes);
    memory_ = std::move(memory).value();
    auto mapping = sys::Mapping::create(memory_.get(), sys::Access::ReadWrite);
    mapping_ = std::move(mapping).value();
    file_.emplace(contract::UpstreamFile::format(mapping_.bytes()));
    for (size_t i = 0; i < backends; ++i) {
      settle(backends_[i].address());
      route_.proxy.push_back(backends_[i].address());
    }
    open(settings);
  }

  // Nothing that tests would have to wait for.
  static UpstreamSettings quiet() {
    UpstreamSettings settings;
    settings.slow_start = Duration::zero();
    settings.probe_interval = Duration::zero();
    return settings;
  }

  Harness& engine() { return harness_; }
  Backend& backend(size_t i = 0) { return backends_[i]; }
  contract::UpstreamFile& file() { return *file_; }
  Upstreams& upstreams() { return *harness_.upstreams().begin()->second; }
  uint64_t count(stats::Count what) { return harness_.count(what); }

  uint32_t settle(const std::string& address) {
    auto parsed = sys::SocketAddress::parse(address);
    const std::string_view bytes(reinterpret_cast<const char*>(parsed->get()), parsed->size());
    return *file_->settle(0, bytes, contract::UpstreamState::Serving, 0);
  }

  // What has come is handled; connections to loopback are made meanwhile.
  void run() { harness_.run(); }

  // One more lane at the same file: what another process has in flight.
  uint32_t join_as_other() { return *file_->join(4711, 0); }

  Client connect() { return harness_.connect(); }
  static std::string get(std::string_view path = "/") {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  static std::string ok(std::string_view content = "hello") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(content.size()) + "\r\n\r\n" +
           std::string(content);
  }

  // Accepts what has come to a backend; fails the test where nothing has.
  Client accepted(size_t i = 0) {
    run();
    std::optional<Client> connection = backends_[i].accept();
    EXPECT_TRUE(connection.has_value()) << "nobody has connected to backend " << i;
    if (!connection) return Client(UniqueFd());
    run();
    return std::move(*connection);
  }

 private:
  void open(const UpstreamSettings& settings) {
    auto mapping = sys::Mapping::create(memory_.get(), sys::Access::ReadWrite);
    UpstreamShare share{
        .memory = std::move(mapping).value(), .bell = UniqueFd(), .settings = settings};
    auto made = Upstreams::create(harness_.loop(), harness_.service().counters, std::move(share),
                                  static_cast<uint32_t>(::getpid()), 0);
    harness_.upstreams().emplace(config::upstream_key(route_), std::move(made).value());
    route_.path = "/";
    auto proxy = std::make_unique<Proxy>(route_);
    ASSERT_TRUE(proxy->start(harness_.service()).ok());
    harness_.router().add("/", std::move(proxy));
  }

  Harness harness_;
  std::vector<Backend> backends_;
  UniqueFd memory_;
  sys::Mapping mapping_;
  std::optional<contract::UpstreamFile> file_;
  config::Route route_{};
};

}  // namespace sockherd::worker
