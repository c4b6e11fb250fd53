// Bad input: each fault at its place, with the words that help.
#include <string>
#include <vector>

#include "daemon/config/load.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::config {
namespace {

using testing::HasSubstr;

// A listener, and a pool that serves it: complete but for what a case adds behind it.
constexpr std::string_view kPool =
    "[listener.web]\n"                            // 1
    "[pool.web]\n"                                // 2
    "listeners = [\"web\"]\n"                     // 3
    "routes = [{path=\"/\",module=\"demo\"}]\n";  // 4
constexpr std::string_view kNoTarget = "[listener.web]\n[pool.web]\nlisteners = [\"web\"]\n";

struct Case {
  std::string text;
  std::string place;               // of the only fault
  std::vector<std::string> words;  // that its text holds
};

Case after(std::string_view base, std::string text, std::string place,
           std::vector<std::string> words) {
  return {std::string(base) + text, std::move(place), std::move(words)};
}

void expect_faults(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const Loaded loaded = load(c.text, "f");
    EXPECT_FALSE(loaded.config) << c.text;
    ASSERT_EQ(loaded.faults.size(), 1U)
        << c.text << (loaded.faults.empty() ? "" : "\nand " + loaded.faults.back().text());
    const std::string text = loaded.faults[0].text();
    EXPECT_TRUE(text.starts_with(c.place + ": ")) << c.text << "\n" << text;
    for (const std::string& word : c.words) EXPECT_THAT(text, HasSubstr(word)) << c.text;
  }
}

TEST(Faults, Syntax) {
  expect_faults({
      {"a = ", "f:1:5", {"syntax: "}},
      {"[pool.web\n", "f:1:10", {"syntax: "}},
      after(kPool, "workers = 1\nworkers = 2\n", "f:6:11", {"syntax: ", "workers"}),
      after(kPool, "[pool.web]\n", "f:5:1", {"syntax: ", "redefine"}),
      {"a = \"\xff\"", "f:1:5", {"syntax: ", "utf-8"}},
      // Undefined behaviour or a failed assertion in toml++ as it comes: see document.cc.
      {"[\n", "f:1:2", {"syntax: "}},
      {"größe = 1", "f:1:3", {"syntax: "}},
      {"\xcc\xaa", "f:1:1", {"syntax: "}},
  });
}

TEST(Faults, UnknownKeysNameTheNearest) {
  expect_faults({
      after(kPool, "wrokers = 2\n", "f:5:1", {"pool.web.wrokers", "did you mean \"workers\"?"}),
      after(kPool, "zzz = 2\n", "f:5:1", {"unknown option", "sockherd.toml(5)"}),
      after(kPool, "backlog = 2\n", "f:5:1", {"unknown option here", "[listener.NAME]"}),
      after(kPool, "[admim]\n", "f:5:2", {"unknown section", "did you mean \"admin\"?"}),
      after(kPool, "[daemon]\nlog-level = \"info\"\n", "f:6:1", {"did you mean \"log_level\"?"}),
      after("workers = 2\n", std::string(kPool), "f:1:1", {"belongs into [pool.NAME]"}),
      after(kNoTarget, "routes = [{path=\"/\", modul=\"x\", module=\"demo\"}]\n", "f:4:22",
            {"pool.web.routes[0].modul", "did you mean \"module\"?"}),
  });
}

TEST(Faults, WrongTypesSayWhatWasExpectedAndFound) {
  expect_faults({
      after(kPool, "workers = true\n", "f:5:11",
            {"pool.web.workers: expected \"auto\" or a whole number, found true"}),
      after(kPool, "workers = \"4\"\n", "f:5:11", {"found the string \"4\"", "leave the quotes"}),
      after(kPool, "workers = 1.5\n", "f:5:11", {"found the number 1.5"}),
      after(kPool, "max_workers = \"many\"\n", "f:5:15", {"a whole number", "\"many\""}),
      after(kPool, "start_timeout = \"30 seconds\"\n", "f:5:17", {"a duration such as \"30s\""}),
      after(kPool, "start_timeout = []\n", "f:5:17", {"a duration", "found a list"}),
      after(kPool, "max_body_size = \"1MB\"\n", "f:5:17", {"a size such as \"16KiB\""}),
      after(kPool, "command = \"node\"\n", "f:5:11", {"list of strings", "write [\"node\"]"}),
      after(kPool, "environment = {}\n", "f:5:15", {"\"NAME=value\"", "found a table"}),
      after(kPool, "[admin]\nenabled = \"true\"\n", "f:6:11",
            {"true or false", "leave the quotes"}),
      after(kPool, "[admin]\nuser = 1979-05-27\n", "f:6:8", {"a string, found a date or time"}),
      after(kPool, "[admin]\naddress = [1]\n", "f:6:12",
            {"admin.address[0]", "found the number 1"}),
      after("admin = 3\n", std::string(kPool), "f:1:9", {"expected a table [admin]"}),
      after("listener.x = 3\n[pool.web]\n",
            "listeners = [\"web\"]\ncommand = [\"x\"]\n[listener.web]\n", "f:1:10",
            {"listener.x: expected a table [listener.NAME], found the number 3"}),
      after("listener = 3\n", "", "f:1:12", {"expected tables [listener.NAME]"}),
      after("pool = 3\n", "", "f:1:8", {"expected tables [pool.NAME]"}),
      after(kPool, "[listener]\naddress = \"[::]:80\"\n", "f:6:1",
            {"a listener needs a name", "[listener.web]"}),
      after(kNoTarget, "routes = 3\n", "f:4:10", {"expected a list of tables"}),
      after(kNoTarget, "routes = [3]\n", "f:4:11", {"pool.web.routes[0]: expected a table"}),
  });
}

TEST(Faults, OutOfBoundsSaysTheBounds) {
  expect_faults({
      after(kPool, "workers = 0\n", "f:5:11", {"must be 1 to 1024, is 0"}),
      after(kPool, "workers = 1025\n", "f:5:11", {"must be 1 to 1024, is 1025"}),
      after(kPool, "max_header_fields = 129\n", "f:5:21", {"must be 1 to 128, is 129"}),
      after(kPool, "header_timeout = \"2h\"\n", "f:5:18", {"must be 1ms to 1h, is \"2h\""}),
      after(kPool, "header_timeout = -1\n", "f:5:18", {"must be 1ms to 1h, is -1"}),
      after(kPool, "header_timeout = nan\n", "f:5:18", {"must be 1ms to 1h"}),
      after(kPool, "header_timeout = 9223372036854775807\n", "f:5:18", {"must be 1ms to 1h"}),
      after(kPool, "max_header_size = 100\n", "f:5:19", {"must be 1KiB to 1MiB, is 100"}),
  });
}

TEST(Faults, AHangIsNotShorterThanAHealthyWorkerMayBeBusy) {
  expect_faults({
      after(kPool, "hang_timeout = \"99ms\"\n", "f:5:16",
            {"pool.web.hang_timeout", "healthy", "100ms", "0s"}),
  });
}

TEST(Faults, ThreadsHaveASocketEachAndAreOfTheEngine) {
  expect_faults({
      after(kPool, "threads = 0\n", "f:5:11", {"pool.web.threads", "1 to 64"}),
      after(kPool, "workers = 100\nthreads = 11\nmax_workers = 100\n", "f:6:11",
            {"pool.web.threads", "100 workers", "1024"}),
      after(kPool, "pin = \"on\"\n", "f:5:7", {"pool.web.pin", "off, auto"}),
  });
}

TEST(Faults, AnAccessLogGoesToAPathOrANameThatIsKnown) {
  expect_faults({
      after(kPool, "access_log = \"stdut\"\n", "f:5:14",
            {"pool.web.access_log", "did you mean \"stdout\"", "journal"}),
      after(kPool, "access_log = \"log/access.log\"\n", "f:5:14",
            {"pool.web.access_log", "no absolute path", "/var/log/sockherd"}),
      after(kPool, "access_log_format = \"jsn\"\n", "f:5:21",
            {"pool.web.access_log_format", "did you mean \"json\"", "combined, json"}),
      after(kPool, "access_log_buffer = \"1KiB\"\n", "f:5:21",
            {"pool.web.access_log_buffer", "64KiB to 256MiB"}),
  });
}

TEST(Faults, ABusIsARedisThatCanBeReachedAndItsPasswordIsNotShown) {
  expect_faults({
      after(kPool, "bus = \"rediss://:hunter2@10.0.0.5\"\n", "f:5:7",
            {"pool.web.bus", "rediss://:***@10.0.0.5", "TLS to Redis is not built in", "tunnel"}),
      after(kPool, "bus = \"nats://10.0.0.5\"\n", "f:5:7", {"pool.web.bus", "redis://"}),
      after(kPool, "bus_queue = 0\n", "f:5:13", {"pool.web.bus_queue", "1 to 1000000"}),
      after(kPool, "bus_buffer = \"1KiB\"\n", "f:5:14", {"pool.web.bus_buffer", "64KiB to 64MiB"}),
  });
}

TEST(Faults, AReloadNeedsRoomForANewWorkerOrWithoutAnOldOne) {
  expect_faults({
      after(kPool, "max_surge = 0\n", "f:5:13",
            {"pool.web.max_surge", "max_surge = 1", "or max_unavailable = 1"}),
      after(kPool, "max_surge = 0\nmax_unavailable = 0\n", "f:5:13", {"no way to replace"}),
      after(kPool, "max_surge = 0\nmax_unavailable = -1\n", "f:6:19", {"must be 0 to 1024"}),
      after(kPool, "max_failures = 0\n", "f:5:16", {"must be 1 to 1024"}),
      after(kPool, "max_generations = 1\n", "f:5:19", {"must be 2 to 1000"}),
      after(kPool, "[daemon]\nwatchdog_share = 101\n", "f:6:18", {"must be 0 to 100"}),
  });
}

TEST(Faults, AReloadThatEndsTheOldWorkerFirstIsFine) {
  EXPECT_TRUE(load(std::string(kPool) + "max_surge = 0\nmax_unavailable = 1\n", "f").config);
  EXPECT_TRUE(load(std::string(kPool) + "max_surge = 1\n", "f").config);
}

TEST(Faults, Choices) {
  expect_faults({
      after(kPool, "[daemon]\nlog_level = \"warn\"\n", "f:6:13",
            {"unknown value \"warn\"", "error, warning, notice, info, debug"}),
      after(kPool, "[daemon]\nlog_level = \"debgu\"\n", "f:6:13", {"did you mean \"debug\"?"}),
      after(kPool,
            "[pool.b]\nlisteners = [\"b\"]\ncommand = [\"x\"]\n[listener.b]\nbalance = \"p2c\"\n",
            "f:9:11", {"unknown value \"p2c\"", "least-connections, hash, cpu"}),
      after(kNoTarget, "routes = [{path=\"/\", module=\"dmeo\"}]\n", "f:4:29",
            {"did you mean \"demo\"?"}),
  });
}

TEST(Faults, Addresses) {
  expect_faults({
      {"[listener.web]\naddress = \":80\"\n[pool.a]\nlisteners=[\"web\"]\ncommand=[\"x\"]\n",
       "f:2:11",
       {"listener.web.address: \":80\"", "[::]:PORT"}},
      after(kPool,
            "[listener.b]\naddress=\"[::]:80\"\n[listener.c]\naddress=\"[0::]:080\"\n"
            "[pool.b]\nlisteners=[\"b\", \"c\"]\ncommand=[\"x\"]\n",
            "f:8:9", {"[::]:80 is the address of listener.b.address already"}),
      after(kPool, "[admin]\naddress=[\"127.0.0.1:1\", \"127.0.0.1:1\"]\n", "f:6:25",
            {"admin.address[1]", "admin.address[0] already"}),
      after(kPool, "[admin]\naddress=[\"localhost:1\"]\n", "f:6:10", {"must be numeric"}),
  });
}

TEST(Faults, Names) {
  expect_faults({
      after(kPool, "[listener.\"a b\"]\n", "f:5:11", {"listener.\"a b\"", "1 to 64 letters"}),
      after(kPool, "[pool.sockherd-x]\nlisteners=[]\n", "f:5:7", {"reserved"}),
  });
}

TEST(Faults, ListenersAndPools) {
  expect_faults({
      {"", "f", {"there is no pool", "sockherdctl config init"}},
      {"[daemon]\n", "f", {"there is no pool"}},
      {"[pool.web]\ncommand=[\"x\"]\n",
       "f:1:7",
       {"pool.web.listeners", "no listener", "[\"web\"]"}},
      {"[listener.a]\n[pool.web]\ncommand=[\"x\"]\nlisteners=[]\n",
       "f:4:11",
       {"listeners = [\"a\"]"}},
      after(kPool, "[listener.x]\n", "f:5:11",
            {"listener.x: no pool serves", "listeners of a pool", "remove [listener.x]"}),
      {"[listener.web]\n[pool.a]\nlisteners=[\"wbe\"]\ncommand=[\"x\"]\n",
       "f:3:12",
       {"pool.a.listeners[0]", "no listener \"wbe\"", "did you mean \"web\"?", "[listener.wbe]"}},
      after(kPool, "[pool.b]\nlisteners=[\"web\"]\ncommand=[\"x\"]\n", "f:6:12",
            {"pool.b.listeners[0]", "served by pool \"web\" already"}),
      {"[listener.a]\n[pool.a]\nlisteners=[\"a\",\"a\"]\ncommand=[\"x\"]\n", "f:3:16", {"already"}},
      after(kNoTarget, "", "f:2:7", {"nothing to run", "module = \"demo\"", "command = "}),
      after(kPool, "command=[\"x\"]\n", "f:4:10", {"routes are for the built-in engine", "remove"}),
      after(kPool, "workers = 300\n", "f:5:11", {"300 is more than max_workers = 256"}),
      after(kPool, "workers = 3\nmax_workers = 2\n", "f:5:11", {"raise max_workers"}),
      after(kPool, "restart_delay = 40\n", "f:5:17",
            {"\"40s\" is more than restart_delay_max = \"30s\""}),
  });
}

TEST(Faults, CommandAndEnvironment) {
  expect_faults({
      after(kNoTarget, "command=[\"\"]\n", "f:4:10", {"pool.web.command[0]", "must not be empty"}),
      after(kNoTarget, "command=[\"a\\u0000b\"]\n", "f:4:10", {"control character"}),
      after(kPool, "environment=[\"=x\"]\n", "f:5:14", {"expected \"NAME=value\""}),
      after(kPool, "environment=[\"PATH\"]\n", "f:5:14", {"expected \"NAME=value\""}),
      after(kPool, "environment=[\"LISTEN_FDS=3\"]\n", "f:5:14", {"set by sockherd"}),
  });
}

TEST(Faults, HeadersErrorPagesAndRedirects) {
  const auto route = [](const std::string& text, std::string column,
                        std::vector<std::string> words) {
    return after(kNoTarget, "routes = [{path=\"/\"," + text + "}]\n", "f:4:" + column,
                 std::move(words));
  };
  expect_faults({
      after(kPool, "headers={\"A B\"=\"x\"}\n", "f:5:16", {"\"A B\" is no field name"}),
      after(kPool, "headers={\"A\"=\"x\\r\\nB: y\"}\n", "f:5:14", {"control character"}),
      after(kPool, "headers={\"content-length\"=\"1\"}\n", "f:5:27",
            {"Content-Length is set by the engine; remove it"}),
      after(kPool, "headers={A=1}\n", "f:5:12", {"expected a string, found the number 1"}),
      after(kPool, "headers=[\"A\"]\n", "f:5:9", {"expected a table of fields", "found a list"}),
      after(kPool, "headers={A=\"" + std::string(1600, 'x') + "\"}\n", "f:5:9",
            {"more than 1536 bytes"}),
      after(kPool, "error_pages={\"200\"=\"/x\"}\n", "f:5:20",
            {"\"200\" is no status of an error", "\"4xx\""}),
      after(kPool, "error_pages={\"404\"=\"x.html\"}\n", "f:5:20", {"expected an absolute path"}),
      route("redirect=\"example.org\"", "30", {"expected a URL or a path", "\"example.org\""}),
      route("redirect=\"//evil.example\"", "30", {"expected a URL or a path"}),
      route("redirect=\"/a?b\"", "30", {"the query of the request is appended"}),
      route("redirect=\"/a b\"", "30", {"no URL has"}),
      route("redirect=\"/a\",status=303", "42", {"must be 301, 302, 307 or 308"}),
      route("redirect=\"/a\",status=200", "42", {"must be 301 to 308"}),
      route("redirect=\"/a\",files=\"/srv\"", "11", {"both files and redirect"}),
      route("files=\"/srv\",fallback=\"a.html\"", "43", {"write \"/a.html\""}),
  });
}

TEST(Faults, Routes) {
  const auto route = [](const std::string& text, std::string place,
                        std::vector<std::string> words) {
    return after(kNoTarget, "routes = [" + text + "]\n", std::move(place), std::move(words));
  };
  expect_faults({
      route("{module=\"demo\"}", "f:4:11", {"routes[0].path: the path is missing"}),
      route("{path=\"x\",module=\"demo\"}", "f:4:17", {"must begin with \"/\": write \"/x\""}),
      route("{path=\"/?a\",module=\"demo\"}", "f:4:17", {"no \"?\""}),
      route("{path=\"/\"}", "f:4:11", {"routes[0]: the route has no target"}),
      route("{path=\"/\",module=\"demo\",files=\"/srv\"}", "f:4:11", {"both files and module"}),
      route("{path=\"/\",files=\"srv\"}", "f:4:27", {"expected an absolute path", "\"srv\""}),
      route("{path=\"/\",files=\"/srv\",index=\"a/b\"}", "f:4:40", {"routes[0].index"}),
      route("{path=\"/\",files=\"/srv\",index=\"\"}", "f:4:40", {"must not be empty"}),
      route("{path=\"/\",files=\"/srv\",index=[\"a\",\"b/c\"]}", "f:4:45",
            {"routes[0].index[1]", "remove the \"/\""}),
      route("{path=\"/\",files=\"/srv\",index=1}", "f:4:40", {"a file name such as"}),
      route("{path=\"/\",files=\"/srv\",gzip=\"true\"}", "f:4:39", {"leave the quotes away"}),
      route("{path=\"/\",module=\"demo\"},{path=\"/\",files=\"/s\"}", "f:4:42",
            {"routes[1].path", "the path of routes[0] already"}),
  });
}

TEST(Faults, WebSockets) {
  const auto route = [](const std::string& text, std::string column,
                        std::vector<std::string> words) {
    return after(kNoTarget, "routes = [{path=\"/\"," + text + "}]\n", "f:4:" + column,
                 std::move(words));
  };
  const std::string echo = "routes = [{path=\"/\",websocket=\"echo\"}]\n";
  expect_faults({
      route("websocket=\"ehco\"", "31", {"\"ehco\"", "did you mean \"echo\"?", "\"room:NAME\""}),
      route("websocket=\"room:\"", "31", {"\"room:NAME\""}),
      route("websocket=\"room:" + std::string(256, 'x') + "\"", "31", {"1 to 255 bytes"}),
      route("websocket=\"echo\",files=\"/srv\"", "11", {"both files and websocket"}),
      route("files=\"/srv\",origins=[\"*\"]", "42", {"origins: are for WebSockets"}),
      route("websocket=\"echo\",origins=[\"example.org\"]", "47",
            {"origins[0]", "\"https://HOST\""}),
      route("websocket=\"echo\",origins=[\"*\",\"https://example.org/\"]", "51",
            {"origins[1]", "without a slash"}),
      after(kNoTarget, echo + "websocket_drain = \"26s\"\n", "f:5:19",
            {"websocket_close_timeout = \"5s\"", "drain_timeout = \"30s\""}),
      after(kNoTarget, echo + "websocket_slow = \"block\"\n", "f:5:18", {"wait, drop, close"}),
      after(kNoTarget, echo + "max_message_size = 0\n", "f:5:20", {"must be 1B to 1GiB"}),
  });
  const std::string room =
      "routes = [{path=\"/\",websocket=\"room:a b\",origins=[\"http://h:1\"]}]";
  EXPECT_TRUE(load(std::string(kNoTarget) + room, "f").config);
  // Without WebSockets nobody is asked to make room for them.
  EXPECT_TRUE(load(std::string(kPool) + "drain_timeout = \"1s\"\n", "f").config);
}

TEST(Faults, MarksOfCommands) {
  const auto command = [](const std::string& text, std::string place,
                          std::vector<std::string> words) {
    return after(kNoTarget, text + "\n", std::move(place), std::move(words));
  };
  expect_faults({
      command("command=[\"x\",\"--fd={fd:wbe}\"]", "f:4:14",
              {"command[1]", "{fd:wbe}", "did you mean \"web\"?", "{{fd:"}),
      command("command=[\"x\"]\nenvironment=[\"FD={fd:}\"]", "f:5:14",
              {"environment[0]", "no listener"}),
      command("command=[\"x\",\"{socket}\"]", "f:4:9", {"{socket}", "private-port"}),
      command("command=[\"x\",\"{fd:web}\"]\nhandover=\"reuse-port\"", "f:4:9",
              {"{fd:NAME}", "passes no sockets"}),
      command("command=[\"x\"]\ndialects=[\"einhron\"]", "f:5:11",
              {"dialects[0]", "did you mean \"einhorn\"?"}),
  });
  for (const char* text : {"command=[\"x\",\"{fd:web}\"]", "command=[\"x\",\"{{fd:wbe}\"]"}) {
    EXPECT_TRUE(load(std::string(kNoTarget) + text, "f").config) << text;
  }
}

TEST(Faults, AllComeAtOnceInTheOrderOfTheText) {
  const Loaded loaded = load(
      "[admin]\nenabled = 1\n[listener.web]\nbacklog = 0\nmode = 7\n[pool.web]\nlisteners = "
      "[\"web\"]\n"
      "workres = 2\nmax_workers = 0\ncommand = [\"x\"]\n",
      "f");
  std::vector<uint32_t> lines;
  for (const Fault& fault : loaded.faults) lines.push_back(fault.line);
  EXPECT_EQ(lines, (std::vector<uint32_t>{2, 4, 5, 8, 9}));
}

TEST(Faults, TextLeavesOutAPlaceThatThereIsNot) {
  EXPECT_EQ((Fault{"a.toml", 3, 7, "b: c"}).text(), "a.toml:3:7: b: c");
  EXPECT_EQ((Fault{"--set", 0, 0, "b: c"}).text(), "--set: b: c");
}

}  // namespace
}  // namespace sockherd::config
