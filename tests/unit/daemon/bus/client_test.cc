#include "daemon/bus/client.h"

#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/daemon/bus/peer.h"

namespace sockherd::bus {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

constexpr milliseconds kLong(10'000);

int answer(sd_bus_message* call) {
  const std::string_view method = sd_bus_message_get_member(call);
  if (method == "SetWorkers") {
    const char* pool = nullptr;
    uint32_t count = 0;
    if (const int r = sd_bus_message_read(call, "su", &pool, &count); r < 0) return r;
    if (std::string_view(pool) != "web")
      return sd_bus_reply_method_errorf(call, kErrorNoSuchPool, "no pool \"%s\"", pool);
    return sd_bus_reply_method_return(call, "u", count + 1);
  }
  if (method == "Restart") {
    int32_t slot = 0;
    if (const int r = sd_bus_message_read(call, "si", nullptr, &slot); r < 0) return r;
    return sd_bus_reply_method_return(call, "a{sv}", 3, "seconds", "d", 0.5, "reasons", "as", 2,
                                      "first", "second", "failure", "s", kFailedWorkers);
  }
  if (method == "OpenStatistics") return sd_bus_reply_method_return(call, "h", STDERR_FILENO);
  return method == "Silence" ? 1 : -ENOSYS;
}

// The two ends in one loop.
class ClientInLoop : public testing::Test {
 protected:
  void SetUp() override {
    auto [ours, theirs] = socket_pair();
    sd_event* loop = nullptr;
    ASSERT_GE(sd_event_new(&loop), 0);
    loop_.reset(loop);
    peer_ = std::make_unique<Peer>(std::move(theirs), answer);
    ASSERT_GE(sd_bus_attach_event(peer_->bus(), loop, 0), 0);
    Result<Client> client = Client::adopt(std::move(ours));
    ASSERT_TRUE(client.ok()) << client.error().what;
    client_.emplace(std::move(client).value());
    ASSERT_TRUE(client_->attach(loop).ok());
  }

  void run_until(const bool& is_done) {
    while (!is_done) ASSERT_GT(sd_event_run(loop_.get(), 10'000'000), 0) << "nothing happened";
  }

  struct Unref {
    void operator()(sd_event* loop) const { sd_event_unref(loop); }
  };
  std::unique_ptr<sd_event, Unref> loop_;
  std::unique_ptr<Peer> peer_;
  std::optional<Client> client_;
};

TEST_F(ClientInLoop, CallsBackWithTheReply) {
  bool is_done = false;
  client_->call_async("SetWorkers", {std::string("web"), uint32_t{6}}, kLong,
                      [&](const Reply& reply) {
                        is_done = true;
                        ASSERT_TRUE(reply.ok()) << reply.error.message;
                        uint32_t before = 0;
                        EXPECT_GT(sd_bus_message_read(reply.message, "u", &before), 0);
                        EXPECT_EQ(before, 7U);
                      });
  run_until(is_done);
  EXPECT_TRUE(client_->is_connected());
}

TEST_F(ClientInLoop, CallsBackWithTheErrorOfThePeer) {
  bool is_done = false;
  client_->call_async("SetWorkers", {std::string("wbe"), uint32_t{6}}, kLong,
                      [&](const Reply& reply) {
                        is_done = true;
                        EXPECT_FALSE(reply.ok());
                        EXPECT_EQ(reply.error.name, kErrorNoSuchPool);
                        EXPECT_EQ(reply.error.message, "no pool \"wbe\"");
                      });
  run_until(is_done);
}

TEST_F(ClientInLoop, CallsBackWithATimeOut) {
  bool is_done = false;
  client_->call_async("Silence", {}, milliseconds(20), [&](const Reply& reply) {
    is_done = true;
    EXPECT_TRUE(reply.error.is_timeout()) << reply.error.name;
  });
  run_until(is_done);
  EXPECT_TRUE(client_->is_connected());
}

TEST_F(ClientInLoop, CallsBackOnceWhenThePeerGoesAway) {
  int times = 0;
  bool is_done = false;
  client_->call_async("Silence", {}, kLong, [&](const Reply& reply) {
    is_done = true;
    ++times;
    EXPECT_TRUE(reply.error.is_disconnected()) << reply.error.name;
  });
  peer_->close();
  run_until(is_done);
  EXPECT_EQ(times, 1);
  EXPECT_FALSE(client_->is_connected());
  client_->call_async("Silence", {}, kLong, [&](const Reply& reply) {
    ++times;
    EXPECT_TRUE(reply.error.is_disconnected()) << reply.error.name;
  });
  EXPECT_EQ(times, 2);
}

TEST_F(ClientInLoop, MayBeDestroyedInItsOwnCallback) {
  bool is_done = false;
  client_->call_async("Restart", {std::string("web"), int32_t{-1}}, kLong, [&](const Reply&) {
    client_.reset();
    is_done = true;
  });
  run_until(is_done);
}

TEST_F(ClientInLoop, DestroyedBeforeTheReplyItNeverCallsBack) {
  bool is_called = false;
  client_->call_async("Silence", {}, kLong, [&](const Reply&) { is_called = true; });
  client_.reset();
  EXPECT_FALSE(is_called);
}

TEST_F(ClientInLoop, ReceivesDescriptors) {
  bool is_done = false;
  client_->call_async("OpenStatistics", {std::string("web")}, kLong, [&](const Reply& reply) {
    is_done = true;
    ASSERT_TRUE(reply.ok()) << reply.error.message;
    int fd = -1;
    EXPECT_GT(sd_bus_message_read(reply.message, "h", &fd), 0);
    EXPECT_GE(fd, 0);
  });
  run_until(is_done);
}

// The blocking calls need the peer in another thread.
class BlockingClient : public testing::Test {
 protected:
  void SetUp() override {
    auto [ours, theirs] = socket_pair();
    server_ =
        std::thread([fd = std::move(theirs)]() mutable { Peer(std::move(fd), answer).serve(); });
    Result<Client> client = Client::adopt(std::move(ours));
    ASSERT_TRUE(client.ok()) << client.error().what;
    client_.emplace(std::move(client).value());
  }
  void TearDown() override {
    client_.reset();
    server_.join();
  }

  std::thread server_;
  std::optional<Client> client_;
};

TEST_F(BlockingClient, ReadsAnOutcome) {
  bool is_called = false;
  client_->call("Restart", {std::string("web"), int32_t{-1}}, kLong, [&](const Reply& reply) {
    is_called = true;
    ASSERT_TRUE(reply.ok()) << reply.error.message;
    const Result<Outcome> outcome = read_outcome(reply.message);
    ASSERT_TRUE(outcome.ok()) << outcome.error().what;
    EXPECT_FALSE(outcome.value().ok);
    EXPECT_EQ(outcome.value().seconds, 0.5);
    EXPECT_THAT(outcome.value().reasons, ElementsAre("first", "second"));
    EXPECT_EQ(outcome.value().failure, kFailedWorkers);
  });
  EXPECT_TRUE(is_called);
}

TEST_F(BlockingClient, RefusesAReplyThatIsNoOutcome) {
  client_->call("SetWorkers", {std::string("web"), uint32_t{1}}, kLong, [&](const Reply& reply) {
    ASSERT_TRUE(reply.ok());
    EXPECT_FALSE(read_outcome(reply.message).ok());
  });
}

TEST_F(BlockingClient, TimesOut) {
  bool is_called = false;
  client_->call("Silence", {}, milliseconds(20), [&](const Reply& reply) {
    is_called = true;
    EXPECT_TRUE(reply.error.is_timeout()) << reply.error.name;
  });
  EXPECT_TRUE(is_called);
}

TEST(Client, TimesOutWhenThePeerNeverAnswersTheHandshake) {
  auto [ours, theirs] = socket_pair();
  Client client = Client::adopt(std::move(ours)).value();
  bool is_called = false;
  client.call("GetStatus", {}, milliseconds(20), [&](const Reply& reply) {
    is_called = true;
    EXPECT_TRUE(reply.error.is_timeout()) << reply.error.name;
  });
  EXPECT_TRUE(is_called);
}

TEST(Client, LosesAPeerThatHangsUp) {
  auto [ours, theirs] = socket_pair();
  Client client = Client::adopt(std::move(ours)).value();
  theirs.reset();
  bool is_called = false;
  client.call("GetStatus", {}, kLong, [&](const Reply& reply) {
    is_called = true;
    EXPECT_TRUE(reply.error.is_disconnected()) << reply.error.name;
  });
  EXPECT_TRUE(is_called);
}

// A directory for one socket, removed with it.
class SocketPath {
 public:
  SocketPath() {
    SH_ASSERT(::mkdtemp(directory_) != nullptr);
    path_ = std::string(directory_) + "/control";
  }
  ~SocketPath() {
    ::unlink(path_.c_str());
    ::rmdir(directory_);
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;
  const std::string& text() const { return path_; }

 private:
  char directory_[32] = "/tmp/sockherd-test-XXXXXX";
  std::string path_;
};

UniqueFd bind_to(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un addr{};
  addr.sun_family = AF_UNIX;
  std::memcpy(addr.sun_path, path.data(), path.size());
  SH_ASSERT(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&addr), sizeof addr) == 0);
  return fd;
}

TEST(Client, SaysWhyItCannotConnect) {
  const SocketPath path;
  EXPECT_EQ(Client::connect(path.text()).error().code, ENOENT);
  const UniqueFd socket = bind_to(path.text());  // bound, but nobody listens
  EXPECT_EQ(Client::connect(path.text()).error().code, ECONNREFUSED);
  EXPECT_EQ(Client::connect("/" + std::string(200, 'x')).error().code, ENAMETOOLONG);
}

TEST(Client, ConnectsToAListeningSocket) {
  const SocketPath path;
  const UniqueFd socket = bind_to(path.text());
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  const Result<Client> client = Client::connect(path.text());
  ASSERT_TRUE(client.ok()) << client.error().what;
  EXPECT_TRUE(client.value().is_connected());
}

}  // namespace
}  // namespace sockherd::bus
