// AdminFixture: the whole admin server in the test's own process, between a fake supervisor and
// clients over real sockets, all turned by one loop. No thread, no sleep: run_until() turns the
// loop until something is true.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "admin/api/admin.h"
#include "daemon/base/clock.h"
#include "daemon/base/parse.h"
#include "tests/unit/admin/api/fake_supervisor.h"
#include "tests/unit/admin/api/fleet_data.h"

namespace sockherd::api {

struct Received {
  int status = 0;
  std::string head;
  std::string body;

  std::string field(const std::string& name) const {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const size_t start = at + name.size() + 4;
    return head.substr(start, head.find("\r\n", start) - start);
  }
  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

// A client socket and the bytes that have come so far.
class TestClient {
 public:
  explicit TestClient(UniqueFd fd) : fd_(std::move(fd)) {}

  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
              static_cast<ssize_t>(bytes.size()));
  }

  // Takes what is there; true once the server has closed.
  bool receive() {
    std::array<char, 65536> bytes;
    while (!closed_) {
      const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (count < 0 && errno == EAGAIN) break;
      if (count <= 0) closed_ = true;
      if (count > 0) in_.append(bytes.data(), static_cast<size_t>(count));
    }
    return closed_;
  }

  // One whole answer off the front of what has come. A HEAD has no body.
  std::optional<Received> take(bool head_only = false) {
    receive();
    const size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    Received answer{.head = in_.substr(0, end + 2)};
    answer.status = parse_number<int>(answer.head.substr(9, 3)).value_or(0);
    const size_t length =
        head_only ? 0 : parse_number<size_t>(answer.field("Content-Length")).value_or(0);
    if (in_.size() < end + 4 + length) return std::nullopt;
    answer.body = in_.substr(end + 4, length);
    in_.erase(0, end + 4 + length);
    return answer;
  }

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
  std::string in_;
  bool closed_ = false;
};

class AdminFixture : public testing::Test {
 protected:
  AdminFixture() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    sd_event_new(&loop_);
  }
  ~AdminFixture() override {
    admin_.reset();
    supervisor_.reset();
    sd_event_unref(loop_);
  }

  void start(const Limits& limits = {}) {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    supervisor_ = std::make_unique<FakeSupervisor>(loop_, UniqueFd(pair[0]));
    supervisor_->status = test_status();
    supervisor_->pools = {test_pool("web", 2, 2)};
    supervisor_->workers = {test_worker("web", 0, 3), test_worker("web", 1, 3)};
    supervisor_->listeners = {test_listener("web", 0)};
    segment_ = &supervisor_->add_segment("web", 4, 8);
    Handover handover;
    handover.control = UniqueFd(pair[1]);
    handover.listeners.push_back(listen_tcp());
    handover.listeners.push_back(listen_unix());
    auto admin = Admin::create(loop_, std::move(handover), {"admin.example.org"}, limits);
    ASSERT_TRUE(admin.ok()) << admin.error().what;
    admin_ = std::move(admin).value();
  }

  // Turns the loop until `is_true`, at most 60 s; whether it came true.
  bool run_until(const std::function<bool()>& is_true) {
    const Instant deadline = monotonic_now() + std::chrono::seconds(60);
    while (!is_true()) {
      if (monotonic_now() > deadline || sd_event_get_state(loop_) == SD_EVENT_FINISHED)
        return is_true();
      sd_event_run(loop_, 5'000);
    }
    return true;
  }
  // The exit status that the loop ended with.
  int run_to_end() {
    run_until([] { return false; });
    int code = -1;
    sd_event_get_exit_code(loop_, &code);
    return code;
  }

  TestClient connect_unix() const { return connect(AF_UNIX, unix_address_, unix_size_); }
  TestClient connect_tcp() const { return connect(AF_INET, tcp_address_, sizeof tcp_address_); }
  std::string tcp_host() const {
    return "localhost:" + std::to_string(ntohs(tcp_address_.sin_port));
  }

  Received answer_of(TestClient& client, bool head_only = false) {
    std::optional<Received> answer;
    EXPECT_TRUE(run_until([&] { return (answer = client.take(head_only)).has_value(); }));
    return answer.value_or(Received{});
  }

  // Sends one request over a new connection and waits for its answer.
  Received ask(std::string_view bytes, bool head_only = false) {
    TestClient client = connect_unix();
    client.send(bytes);
    return answer_of(client, head_only);
  }
  Received get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  Received change(const std::string& method, const std::string& path,
                  const std::string& content = "") {
    return ask(change_bytes(method, path, content));
  }
  static std::string change_bytes(const std::string& method, const std::string& path,
                                  const std::string& content = "") {
    return method + " " + path +
           " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(content.size()) + "\r\n\r\n" + content;
  }
  bool is_closed(TestClient& client) {
    return run_until([&] { return client.receive(); });
  }

  sd_event* loop_ = nullptr;
  std::unique_ptr<FakeSupervisor> supervisor_;
  stats::Segment* segment_ = nullptr;
  std::unique_ptr<Admin> admin_;

 private:
  template <typename Address>
  static UniqueFd bind_and_listen(int family, Address& address, socklen_t& size) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd.get(), 1024), 0);
    size = sizeof address;
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return fd;
  }
  UniqueFd listen_tcp() {
    tcp_address_ = {};
    tcp_address_.sin_family = AF_INET;
    tcp_address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof tcp_address_;
    return bind_and_listen(AF_INET, tcp_address_, size);
  }
  // Autobind (unix(7)): an abstract name that leaves no file behind.
  UniqueFd listen_unix() {
    unix_address_ = {};
    unix_address_.sun_family = AF_UNIX;
    unix_size_ = sizeof(sa_family_t);
    return bind_and_listen(AF_UNIX, unix_address_, unix_size_);
  }
  template <typename Address>
  static TestClient connect(int family, const Address& address, socklen_t size) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    return TestClient(std::move(fd));
  }

  sockaddr_in tcp_address_{};
  sockaddr_un unix_address_{};
  socklen_t unix_size_ = 0;
};

}  // namespace sockherd::api
