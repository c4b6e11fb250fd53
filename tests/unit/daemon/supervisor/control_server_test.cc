#include "daemon/supervisor/control_server.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/base/log.h"
#include "daemon/bus/interface.h"
#include "daemon/supervisor/supervisor.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

// What concerns connections, not methods: those are tested with the whole daemon.
class ControlServerTest : public LoopTest {
 protected:
  ControlServerTest() {
    auto server = ControlServer::create(loop(), path(), supervisor());
    EXPECT_TRUE(server.ok()) << server.error().what;
    server_ = std::move(server).value();
  }

  // A place that no method looks at: a client here speaks of the bus itself only.
  Supervisor& supervisor() { return *reinterpret_cast<Supervisor*>(nowhere_.data()); }
  std::string path() const { return directory_.path("control"); }

  void replace(Duration patience) {
    server_.reset();
    server_ = ControlServer::create(loop(), path(), supervisor(), patience).value();
  }

  UniqueFd connect() { return sys::connect_to(sys::parsed("unix:" + path())); }

  // Whether the server has hung up on a client.
  static bool is_closed(const UniqueFd& client) {
    char byte = 0;
    return ::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
  }

  static size_t open_descriptors() {
    const std::filesystem::directory_iterator directory("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(directory), end(directory)));
  }

  // Speaks D-Bus as libsystemd does: whether the server answers.
  bool answers_ping() {
    sd_bus* raw = nullptr;
    if (::sd_bus_new(&raw) < 0) return false;
    const std::unique_ptr<sd_bus, sd_bus* (*)(sd_bus*)> owner(raw, ::sd_bus_close_unref);
    if (::sd_bus_set_address(raw, ("unix:path=" + path()).c_str()) < 0 || ::sd_bus_start(raw) < 0) {
      return false;
    }
    int answer = -1;
    const auto on_reply = [](sd_bus_message* reply, void* userdata, sd_bus_error*) {
      *static_cast<int*>(userdata) = ::sd_bus_message_is_method_error(reply, nullptr) > 0 ? 0 : 1;
      return 0;
    };
    if (::sd_bus_call_method_async(raw, nullptr, nullptr, bus::kObject, "org.freedesktop.DBus.Peer",
                                   "Ping", on_reply, &answer, "") < 0 ||
        ::sd_bus_attach_event(raw, loop(), 0) < 0) {
      return false;
    }
    run_until([&] { return answer >= 0 || ::sd_bus_is_open(raw) <= 0; });
    return answer == 1;
  }

  alignas(Supervisor) std::array<std::byte, sizeof(Supervisor)> nowhere_{};
  worker::TemporaryDirectory directory_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlServerTest, IsForItsUserAndGroupAndIsRemovedInTheEnd) {
  struct stat st {};
  ASSERT_EQ(::stat(path().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0660U);
  EXPECT_TRUE(answers_ping());
  server_.reset();
  EXPECT_NE(::stat(path().c_str(), &st), 0);
}

TEST_F(ControlServerTest, ASecondOneIsRefused) {
  const auto second = ControlServer::create(loop(), path(), supervisor());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().what, testing::HasSubstr("Address already in use"));
  EXPECT_TRUE(answers_ping()) << "and does not take the socket away";
}

TEST_F(ControlServerTest, HangsUpOnGarbage) {
  const UniqueFd client = connect();
  ASSERT_EQ(::write(client.get(), "GET / HTTP/1.1\r\n\r\n", 18), 18);
  run_until([&] { return is_closed(client); });
  EXPECT_TRUE(answers_ping());
}

TEST_F(ControlServerTest, AClientThatSaysNothingKeepsNobodyFromBeingServed) {
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(connect());
  EXPECT_TRUE(answers_ping());
}

TEST_F(ControlServerTest, FreesAConnectionThatHasEnded) {
  EXPECT_TRUE(answers_ping());
  run_what_waits();
  const size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(answers_ping()) << "there are places for 64 at a time";
  for (int i = 0; i < 20; ++i) connect().reset();
  run_what_waits();
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(ControlServerTest, TurnsAwayWhoDoesNotFitIn) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(connect());
    run_what_waits();
  }
  const UniqueFd beyond = connect();
  run_until([&] { return is_closed(beyond); });
  clients.clear();
  run_what_waits();
  EXPECT_TRUE(answers_ping());
}

// Found in review: 64 clients that said nothing locked everybody out for 90 s.
TEST_F(ControlServerTest, WhoSaysNothingGivesHisPlaceToANewcomer) {
  replace(Duration{0});
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
  const UniqueFd ours(pair[0]);
  ASSERT_TRUE(server_->serve(UniqueFd(pair[1])).ok());
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 63; ++i) silent.push_back(connect());
  run_what_waits();
  EXPECT_TRUE(answers_ping());
  EXPECT_TRUE(is_closed(silent.front()));
  EXPECT_FALSE(is_closed(silent.back()));
  EXPECT_FALSE(is_closed(ours)) << "that of the admin process is not in question";
}

TEST_F(ControlServerTest, WhoIsTurnedAwayIsToldOfNowAndThen) {
  int told = 0;
  log::set_observer(
      [&told](auto, auto name, auto) { told += name == "control-connection-refused" ? 1 : 0; });
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 80; ++i) {
    clients.push_back(connect());
    run_what_waits();
  }
  log::set_observer(nullptr);
  EXPECT_EQ(told, 1);
}

TEST_F(ControlServerTest, ServesASocketpair) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
  UniqueFd theirs(pair[0]);
  ASSERT_TRUE(server_->serve(UniqueFd(pair[1])).ok());
  run_what_waits();
  theirs.reset();
  run_what_waits();
}

// Found in review: the connection stayed in the queue, and the loop turned without end.
TEST_F(ControlServerTest, TurnsClientsAwayWhereDescriptorsHaveRunOut) {
  const UniqueFd client = connect();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd lowest_free(::fcntl(client.get(), F_DUPFD_CLOEXEC, 0));
  const rlimit none{static_cast<rlim_t>(lowest_free.get()), before.rlim_max};
  sd_event* running = loop();  // a sanitizer checks member calls with pipes
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int turns = 0;
  while (turns < 100 && ::sd_event_run(running, 0) > 0) ++turns;
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_LT(turns, 100);
  EXPECT_TRUE(answers_ping());
}

TEST_F(ControlServerTest, RestsWhereNobodyCanBeTurnedAwayEither) {
  const UniqueFd client = connect();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};  // also the number of what it keeps for that is too high
  sd_event* running = loop();             // a sanitizer checks member calls with pipes
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int turns = 0;
  while (turns < 100 && ::sd_event_run(running, 0) > 0) ++turns;
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_LT(turns, 100);
  EXPECT_TRUE(answers_ping());
}

}  // namespace
}  // namespace sockherd::supervisor
