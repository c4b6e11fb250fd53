#include "daemon/config/commands.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "daemon/config/load.h"
#include "daemon/config/options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::config {
namespace {

using testing::HasSubstr;

// A pool of the built-in engine that asks another one.
std::string with_upstream(const std::string& api, const std::string& proxy = "\"pool:api\"") {
  return "[listener.web]\n[pool.web]\nlisteners = [\"web\"]\nroutes = [{ path = \"/\", proxy = " +
         proxy + " }]\n[pool.api]\n" + api;
}
constexpr char kApi[] = "command = [\"julia\", \"{port}\"]\nhandover = \"private-port\"\n";
constexpr char kCommand[] =
    "[listener.web]\n[pool.web]\nlisteners = [\"web\"]\ncommand = [\"node\"]\n";

void expect_fault(const std::string& text, const std::string& place,
                  const std::vector<std::string>& words) {
  const Loaded loaded = load(text, "f");
  ASSERT_EQ(loaded.faults.size(), 1U)
      << text << (loaded.faults.empty() ? "" : loaded.faults.back().text());
  EXPECT_THAT(loaded.faults[0].text(), HasSubstr(place)) << text;
  for (const std::string& word : words) EXPECT_THAT(loaded.faults[0].text(), HasSubstr(word));
}

Config loaded(const std::string& text) {
  Loaded result = load(text, "f");
  EXPECT_TRUE(result.config) << text << (result.faults.empty() ? "" : result.faults[0].text());
  return result.config.value_or(Config{});
}

TEST(Commands, HandoverOfAPool) {
  EXPECT_EQ(handover_of(loaded(kCommand).pools[0]), Handover::ListenFds);
  const Config config = loaded(with_upstream(kApi));
  EXPECT_EQ(handover_of(config.pools[1]), Handover::PrivatePort);
  EXPECT_TRUE(config.pools[1].listeners.empty());
  EXPECT_EQ(handover_of(loaded(std::string(kCommand) + "handover = \"reuse-port\"\n").pools[0]),
            Handover::ReusePort);
}

TEST(Commands, NotMoreAskersThanCanBeCounted) {
  const auto asking = [](const std::string& name, int workers) {
    return "[listener." + name + "]\n[pool." + name + "]\nlisteners = [\"" + name +
           "\"]\nthreads = 4\nmax_workers = 1000\nworkers = " + std::to_string(workers) +
           "\nroutes = [{ path = \"/\", proxy = \"pool:api\" }]\n";
  };
  const std::string text = "[pool.api]\n" + std::string(kApi) + asking("a", 100);
  loaded(text + asking("b", 156));
  expect_fault(text + asking("b", 157), "pool.b.workers", {"1028", "1024 are the most"});
}

TEST(Commands, ReadyRule) {
  const auto rule = [](const std::string& ready) {
    return ready_rule(loaded(kCommand + ready).pools[0]);
  };
  EXPECT_EQ(rule("").kind, ReadyRule::Kind::Seen);
  EXPECT_EQ(rule("ready = { notify = true }\n").kind, ReadyRule::Kind::Notify);
  EXPECT_EQ(rule("ready = { connect = true }\n").kind, ReadyRule::Kind::Connect);
  EXPECT_EQ(rule("ready = { http = \"/healthz\" }\n").path, "/healthz");
  EXPECT_EQ(rule("ready = { alive = \"3s\" }\n").time, Milliseconds(3000));
}

TEST(Commands, ReadyFaults) {
  const auto faulty = [](const std::string& ready, const std::string& word) {
    expect_fault(std::string(kCommand) + "ready = " + ready + "\n", "f:5:", {word});
  };
  faulty("{ http = \"healthz\" }", "write http = \"/healthz\"");
  faulty("{ http = \"/a b\" }", "is no path");
  faulty("{ htpp = \"/\" }", "is unknown");
  faulty("{ alive = \"0s\" }", "1ms to 1h");
  faulty("{ alive = \"2h\" }", "1ms to 1h");
  faulty("{ notify = false }", "leave it out");
  faulty("{ connect = true, notify = true }", "remove one of the two");
  faulty("\"notify\"", "a table");
}

TEST(Commands, UpstreamFaults) {
  expect_fault(with_upstream(kApi, "\"pool:apo\""), "f:4:", {"no pool \"apo\"", "\"api\""});
  expect_fault(with_upstream(kApi, "\"pool:\""), "f:4:", {"has no name"});
  expect_fault(with_upstream(kApi, "[\"pool:api\", \"127.0.0.1:9000\"]"), "f:4:", {"stands alone"});
  expect_fault(with_upstream(kApi, "\"localhost:9000\""), "f:4:", {"localhost"});
  expect_fault(with_upstream(kApi, "\"pool:web\""), "f:4:", {"private-port"});
}

TEST(Commands, WhoHasAnAddressOfItsOwnIsAskedByARoute) {
  expect_fault(with_upstream(kApi, "\"127.0.0.1:9000\""), "f:5:", {"no route leads to this pool"});
  expect_fault(with_upstream(std::string(kApi) + "listeners = [\"web\"]\n"),
               "f:8:", {"remove the listeners"});
}

TEST(Commands, MarksBelongToAHandover) {
  const std::string listen =
      "[listener.web]\n[pool.web]\nlisteners = [\"web\"]\ncommand = [\"x\", ";
  expect_fault(listen + "\"{socket}\"]\n", "f:4:", {"{socket}", "private-port"});
  expect_fault(listen + "\"{fd:web}\"]\nhandover = \"reuse-port\"\n", "f:4:", {"{fd:NAME}"});
  expect_fault(with_upstream("command = [\"x\", \"{port}\", \"{socket}\"]\n"
                             "handover = \"private-port\"\n"),
               "f:6:", {"both {port} and {socket}"});
}

TEST(Commands, HandoverIsForCommands) {
  expect_fault(
      "[listener.web]\n[pool.web]\nlisteners = [\"web\"]\nhandover = \"reuse-port\"\n"
      "routes = [{ path = \"/\", module = \"demo\" }]\n",
      "f:4:", {"has no command"});
}

// The engine runs as we do: an option that would be ignored must not look as if it were obeyed.
TEST(Commands, HowAProgramRunsIsForCommands) {
  const std::string engine =
      "[listener.web]\n[pool.web]\nlisteners = [\"web\"]\n"
      "routes = [{ path = \"/\", module = \"demo\" }]\n";
  for (const char* line :
       {"user = \"nobody\"", "group = \"nogroup\"", "working_directory = \"/srv\"",
        "output = \"discard\"", "stop_signal = \"SIGINT\"", "abort_signal = \"SIGKILL\"",
        "dialects = [\"einhorn\"]"}) {
    expect_fault(engine + line + "\n", "f:5:", {"has no command; remove it"});
  }
  EXPECT_TRUE(load(engine + "stop_signal = \"SIGTERM\"\n", "f").config);
  EXPECT_TRUE(load(std::string(kCommand) + "pin = \"auto\"\n", "f").config);
}

TEST(Commands, Dialects) {
  const std::string pool = kCommand;
  expect_fault(pool + "dialects = [\"einhron\"]\n", "f:5:", {"did you mean \"einhorn\""});
  expect_fault(pool + "dialects = [\"einhorn\"]\nhandover = \"reuse-port\"\n",
               "f:5:", {"passes none"});
}

TEST(Commands, SignalNumbers) {
  EXPECT_EQ(signal_number("SIGTERM"), SIGTERM);
  EXPECT_EQ(signal_number("SIGWINCH"), SIGWINCH);
  EXPECT_EQ(signal_number("TERM"), 0);
  for (const char* name : {"stop_signal", "abort_signal"}) {
    const Option* option = find_option(Section::Pool, name);
    std::string choices(option->choices);
    for (size_t begin = 0; begin < choices.size();) {
      const size_t end = std::min(choices.find(", ", begin), choices.size());
      EXPECT_NE(signal_number(choices.substr(begin, end - begin)), 0) << choices;
      begin = end + 2;
    }
  }
}

TEST(Commands, KeysOfUpstreams) {
  const auto key = [](std::vector<std::string> proxy) {
    Route route;
    route.proxy = std::move(proxy);
    return upstream_key(route);
  };
  EXPECT_EQ(key({}), "");
  EXPECT_EQ(key({"pool:api"}), "api");
  EXPECT_EQ(key({"127.0.0.1:80"}), key({"127.0.0.1:080"}));
  EXPECT_NE(key({"127.0.0.1:80"}), key({"127.0.0.1:81"}));
  EXPECT_NE(key({"127.0.0.1:80", "unix:/x"}), key({"unix:/x", "127.0.0.1:80"}));
  EXPECT_EQ(key({"127.0.0.1:80"}).size(), 19U);
}

}  // namespace
}  // namespace sockherd::config
