// The verbs against a daemon that answers from a table, and without one.
#include "admin/ctl/actions.h"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "admin/ctl/control.h"
#include "admin/ctl/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/daemon/bus/peer.h"

namespace sockherd::ctl {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Actions : public testing::Test {
 protected:
  Actions() { SH_ASSERT(::mkdtemp(directory_) != nullptr); }
  ~Actions() override {
    for (const char* name : {"control", "file"}) ::unlink(path(name).c_str());
    ::rmdir(directory_);
  }

  std::string path(const std::string& name) const { return std::string(directory_) + "/" + name; }

  Request request(std::map<std::string, std::string> arguments = {},
                  std::set<std::string> flags = {}) const {
    Request request;
    request.arguments = std::move(arguments);
    request.flags = std::move(flags);
    request.socket = path("control");
    request.timeout = std::chrono::seconds(10);
    return request;
  }

  void write_file(const std::string& text) const { std::ofstream(path("file")) << text; }
  std::string read_file() const {
    std::stringstream text;
    text << std::ifstream(path("file")).rdbuf();
    return text.str();
  }

  Answer answer_;

 private:
  char directory_[32] = "/tmp/sockherd-test-XXXXXX";
};

void expect_failure(const Result<void>& result, Exit code, const std::string& words) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, static_cast<int>(code)) << result.error().what;
  EXPECT_THAT(result.error().what, HasSubstr(words));
}

// --- without a daemon ---

TEST_F(Actions, SayHowToStartADaemonThatIsNotThere) {
  expect_failure(show_status(request(), answer_), Exit::Unreachable, "systemctl start sockherd");
}

TEST_F(Actions, SayHowToGetThePermission) {
  const Error error = explain_connect("/run/x", {EACCES, "connect: Permission denied"});
  EXPECT_EQ(error.code, static_cast<int>(Exit::Denied));
  EXPECT_THAT(error.what, HasSubstr("--groups sockherd"));
}

TEST_F(Actions, VersionNeedsNoDaemon) {
  EXPECT_TRUE(show_version(request(), answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("sockherd not reached"));
  EXPECT_THAT(answer_.remarks, HasSubstr("is not running"));
}

TEST_F(Actions, InitWritesAFileThatChecksGood) {
  ASSERT_TRUE(init_config(request({{"FILE", path("file")}}), answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("wrote " + path("file")));
  ASSERT_TRUE(check_config(request({{"FILE", path("file")}}), answer_).ok());
  EXPECT_EQ(answer_.data, path("file") + ": good, with 1 listener and 1 pool\n");
}

TEST_F(Actions, InitOverwritesOnlyWithForce) {
  write_file("mine");
  expect_failure(init_config(request({{"FILE", path("file")}}), answer_), Exit::Failed, "--force");
  EXPECT_EQ(read_file(), "mine");
  EXPECT_TRUE(init_config(request({{"FILE", path("file")}}, {"--force"}), answer_).ok());
  EXPECT_THAT(read_file(), HasSubstr("[pool.web]"));
}

TEST_F(Actions, CheckTellsEveryFaultWithItsPlace) {
  write_file("[pool.web]\nworkers = 0\nlisteners = [\"web\"]\n");
  const Result<void> result = check_config(request({{"FILE", path("file")}}), answer_);
  expect_failure(result, Exit::BadConfig, "has 3 faults");
  EXPECT_EQ(answer_.data, "");
  EXPECT_THAT(answer_.remarks,
              HasSubstr(path("file") + ":2:11: pool.web.workers: must be 1 to 1024"));
}

TEST_F(Actions, CheckAnswersJson) {
  write_file("[pool.web]\nworkers = 0\n");
  Request as_json = request({{"FILE", path("file")}});
  as_json.json = true;
  EXPECT_FALSE(check_config(as_json, answer_).ok());
  const json answer = json::parse(answer_.data);
  EXPECT_EQ(answer["ok"], false);
  EXPECT_EQ(answer["faults"][2]["file"], path("file"));
  EXPECT_EQ(answer["faults"][2]["line"], 2);
  EXPECT_EQ(answer["faults"][2]["column"], 11);
}

// The service may see other files than who checks.
TEST_F(Actions, CheckWarnsOfProgramsThatAreNotThere) {
  write_file(
      "[listener.web]\naddress = \"127.0.0.1:8080\"\n[pool.web]\nlisteners = [\"web\"]\n"
      "command = [\"/no/such\"]\nuser = \"nobdy\"\n");
  ASSERT_TRUE(check_config(request({{"FILE", path("file")}}), answer_).ok());
  EXPECT_THAT(answer_.remarks,
              HasSubstr("warning: " + path("file") + ":5:11: pool.web.command: \"/no/such\" is "));
  EXPECT_THAT(answer_.remarks, HasSubstr(path("file") + ":6:8: pool.web.user: there is no user"));
  EXPECT_THAT(answer_.data, HasSubstr("1 listener and 1 pool; 2 warnings above\n"));
  Request as_json = request({{"FILE", path("file")}});
  as_json.json = true;
  answer_ = {};
  ASSERT_TRUE(check_config(as_json, answer_).ok());
  EXPECT_EQ(json::parse(answer_.data)["warnings"][1]["option"], "pool.web.user");
}

TEST_F(Actions, CheckOfAFileThatIsNotThereFails) {
  expect_failure(check_config(request({{"FILE", path("file")}}), answer_), Exit::Failed,
                 "No such file");
  expect_failure(check_config(request({{"FILE", "/tmp"}}), answer_), Exit::Failed, "directory");
}

TEST_F(Actions, ConfigShowTellsOrigins) {
  ASSERT_TRUE(init_config(request({{"FILE", path("file")}}), answer_).ok());
  answer_ = {};
  ASSERT_TRUE(show_config(request({{"FILE", path("file")}}, {"--origin"}), answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("pool.web.workers = \"auto\"  # default\n"));
  EXPECT_THAT(answer_.data, HasSubstr("pool.web.listeners = [\"web\"]  # " + path("file") + ":"));
}

TEST_F(Actions, ListsNameTheTables) {
  ASSERT_TRUE(list_options(request(), answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("pool.workers\n"));
  Request as_json = request();
  as_json.json = true;
  ASSERT_TRUE(list_verbs(as_json, answer_).ok());
  EXPECT_EQ(json::parse(answer_.data)["verbs"][0]["name"], "status");
}

// --- with a daemon ---

// One event at a time, from number 5 on; no more after 7.
int answer_events(sd_bus_message* call) {
  uint64_t since = 0;
  uint32_t limit = 0;
  if (const int r = sd_bus_message_read(call, "tu", &since, &limit); r < 0) return r;
  const uint64_t number = std::max<uint64_t>(since, 5);
  if (number > 7) return sd_bus_reply_method_errorf(call, bus::kErrorBusy, "that is all");
  return sd_bus_reply_method_return(call, "aa{sv}a{sv}", 1, 4, "sequence", "t", number, "time_us",
                                    "t", uint64_t{1'700'000'000'123'456}, "event", "s",
                                    "worker-ready", "pool", "s", "web", 2, "next", "t", number + 1,
                                    "lost", "t", since == 2 ? uint64_t{3} : uint64_t{0});
}

int answer_call(sd_bus_message* call) {
  const std::string_view method = sd_bus_message_get_member(call);
  if (method == "GetStatus")
    return sd_bus_reply_method_return(call, "a{sv}", 2, "version", "s", "9.9", "state", "s",
                                      "running");
  if (method == "ListPools")
    return sd_bus_reply_method_return(call, "aa{sv}", 1, 2, "name", "s", "web", "desired", "t",
                                      uint64_t{4});
  if (method == "ListWorkers")
    return sd_bus_reply_method_return(call, "aa{sv}", 1, 2, "pool", "s", "web", "status", "s",
                                      "hi");
  if (method == "ListEvents") return answer_events(call);
  if (method == "ListListeners") return sd_bus_reply_method_return(call, "s", "nonsense");
  if (method == "SetWorkers") {
    const char* pool = nullptr;
    uint32_t count = 0;
    const char* by = nullptr;
    if (const int r = sd_bus_message_read(call, "sus", &pool, &count, &by); r < 0) return r;
    if (std::string_view(pool) != "web")
      return sd_bus_reply_method_errorf(call, bus::kErrorNoSuchPool, "there is no pool \"%s\"",
                                        pool);
    return sd_bus_reply_method_return(call, "u", 2);
  }
  if (method == "Restart") {
    const char* pool = nullptr;
    int32_t slot = 0;
    const char* by = nullptr;
    if (const int r = sd_bus_message_read(call, "sis", &pool, &slot, &by); r < 0) return r;
    if (slot == 7) return 1;  // never answers
    return sd_bus_reply_method_return(call, "a{sv}", 4, "ok", "b", slot == -1 ? 1 : 0, "seconds",
                                      "d", 1.5, "reasons", "as", 1, "slot 3: exit 1", "failure",
                                      "s", slot == 6 ? bus::kFailedConfiguration : "workers");
  }
  return sd_bus_reply_method_errorf(call, bus::kErrorBusy, "another reload is running");
}

class ActionsWithDaemon : public Actions {
 protected:
  void SetUp() override {
    socket_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    std::strncpy(addr.sun_path, path("control").c_str(), sizeof addr.sun_path - 1);
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&addr), sizeof addr), 0);
    ASSERT_EQ(::listen(socket_.get(), 1), 0);
    daemon_ = std::thread([this] {
      for (;;) {
        UniqueFd peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!peer) return;
        bus::Peer(std::move(peer), answer_call).serve();
      }
    });
  }
  void TearDown() override {
    ::shutdown(socket_.get(), SHUT_RDWR);
    daemon_.join();
  }

  UniqueFd socket_;
  std::thread daemon_;
};

TEST_F(ActionsWithDaemon, ShowWhatItTells) {
  ASSERT_TRUE(show_status(request(), answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("sockherd 9.9 is running"));
  EXPECT_THAT(answer_.data, HasSubstr("\nweb "));
  ASSERT_TRUE(show_workers(request(), answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("hi"));
  ASSERT_TRUE(show_version(request(), answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("\nsockherd 9.9\n"));
}

TEST_F(ActionsWithDaemon, AnswerJsonWithTheKeysOfTheBus) {
  Request as_json = request();
  as_json.json = true;
  ASSERT_TRUE(show_status(as_json, answer_).ok());
  const json status = json::parse(answer_.data);
  EXPECT_EQ(status["daemon"]["version"], "9.9");
  EXPECT_EQ(status["pools"][0]["desired"], 4);
  ASSERT_TRUE(show_workers(as_json, answer_).ok());
  EXPECT_EQ(json::parse(answer_.data)["workers"][0]["pool"], "web");
}

TEST_F(ActionsWithDaemon, ScaleSaysWhatChanged) {
  ASSERT_TRUE(scale(request({{"POOL", "web"}, {"N", "6"}}), answer_).ok());
  EXPECT_EQ(answer_.data, "pool web: 2 → 6 workers\n");
  ASSERT_TRUE(scale(request({{"POOL", "web"}, {"N", "2"}}), answer_).ok());
  EXPECT_EQ(answer_.data, "pool web: has 2 workers already\n");
  Request as_json = request({{"POOL", "web"}, {"N", "6"}});
  as_json.json = true;
  ASSERT_TRUE(scale(as_json, answer_).ok());
  EXPECT_EQ(json::parse(answer_.data), (json{{"pool", "web"}, {"before", 2}, {"after", 6}}));
}

TEST_F(ActionsWithDaemon, ScaleNamesTheNearestPool) {
  expect_failure(scale(request({{"POOL", "wbe"}, {"N", "6"}}), answer_), Exit::Failed,
                 "there is no pool \"wbe\"; did you mean \"web\"?");
  expect_failure(scale(request({{"POOL", "web"}, {"N", "-1"}}), answer_), Exit::Usage, "N must be");
}

TEST_F(ActionsWithDaemon, RestartSaysHowItWent) {
  ASSERT_TRUE(restart(request({{"POOL", "web"}}), answer_).ok());
  EXPECT_EQ(answer_.data, "restart of pool web: done in 1.5s\n");
  expect_failure(restart(request({{"POOL", "web"}, {"SLOT", "3"}}), answer_), Exit::Failed,
                 "restart of pool web, slot 3 failed");
  EXPECT_EQ(answer_.remarks, "slot 3: exit 1\n");
  expect_failure(restart(request({{"POOL", "web"}, {"SLOT", "x"}}), answer_), Exit::Usage,
                 "SLOT must be");
}

TEST_F(ActionsWithDaemon, TellWhenThereIsNoAnswerInTime) {
  Request hasty = request({{"POOL", "web"}, {"SLOT", "7"}});
  hasty.timeout = std::chrono::milliseconds(20);
  expect_failure(restart(hasty, answer_), Exit::TimedOut, "no answer within 20ms");
}

TEST_F(ActionsWithDaemon, ReloadTellsTheReasonOfARefusal) {
  expect_failure(reload(request(), answer_), Exit::Failed, "another reload is running");
  expect_failure(reload(request({}, {"--no-wait"}), answer_), Exit::Failed,
                 "another reload is running");
  expect_failure(reload(request({}, {"--no-wait", "--wait"}), answer_), Exit::Usage, "exclude");
}

TEST_F(ActionsWithDaemon, AReloadOfABadFileHasAnExitStatusOfItsOwn) {
  expect_failure(restart(request({{"POOL", "web"}, {"SLOT", "6"}}), answer_), Exit::BadConfig,
                 "refused; nothing has changed");
}

TEST_F(ActionsWithDaemon, EventsAreShownOnce) {
  Request since = request();
  since.values = {{"--since", "2"}};
  ASSERT_TRUE(show_events(since, answer_).ok());
  EXPECT_THAT(answer_.data, HasSubstr("  5      worker-ready "));
  EXPECT_THAT(answer_.remarks, HasSubstr("3 events of these are not kept any more"));
  since.json = true;
  ASSERT_TRUE(show_events(since, answer_).ok());
  const json answer = json::parse(answer_.data);
  EXPECT_EQ(answer["events"][0]["sequence"], 5);
  EXPECT_EQ(answer["next"], 6);
  EXPECT_EQ(answer["lost"], 3);
}

TEST_F(ActionsWithDaemon, EventsAreFollowedUntilNobodyReads) {
  Request follow = request({}, {"--follow"});
  follow.json = true;
  std::string seen;
  answer_.flush = [&seen](Answer& so_far) {
    seen += so_far.data;
    so_far.data.clear();
    return std::count(seen.begin(), seen.end(), '\n') < 3;
  };
  EXPECT_TRUE(show_events(follow, answer_).ok());
  EXPECT_THAT(seen, HasSubstr("\"sequence\":5"));
  EXPECT_THAT(seen, HasSubstr("\"sequence\":7"));
}

TEST_F(ActionsWithDaemon, EventsTellWhatIsWrong) {
  Request wrong = request();
  wrong.values = {{"--since", "x"}};
  expect_failure(show_events(wrong, answer_), Exit::Usage, "--since must be a number");
  wrong.values = {{"--limit", "0"}};
  expect_failure(show_events(wrong, answer_), Exit::Usage, "--limit must be 1 to 1000");
  answer_.flush = [](Answer&) { return true; };
  expect_failure(show_events(request({}, {"--follow"}), answer_), Exit::Failed, "that is all");
}

TEST_F(ActionsWithDaemon, AnAnswerOfAnotherShapeIsAFailure) {
  expect_failure(show_listeners(request(), answer_), Exit::Failed, "of the same version?");
}

}  // namespace
}  // namespace sockherd::ctl
