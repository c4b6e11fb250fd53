#include "daemon/config/load.h"

#include <algorithm>

#include "daemon/config/options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kMinimal =
    "[listener.web]\n[pool.web]\nlisteners = [\"web\"]\ncommand = [\"node\", \"\"]\n";

Config load_good(std::string_view text, const std::vector<Override>& overrides = {}) {
  Loaded loaded = load(text, "f", overrides);
  for (const Fault& fault : loaded.faults) ADD_FAILURE() << fault.text();
  return loaded.config ? std::move(*loaded.config) : Config{};
}

std::string first_fault(std::string_view text, const std::vector<Override>& overrides = {}) {
  const Loaded loaded = load(text, "f", overrides);
  return loaded.faults.empty() ? "none" : loaded.faults[0].text();
}

TEST(Load, AnswersThePasswordOfTheBusToNobody) {
  const Loaded loaded = load(
      "[listener.web]\n[pool.web]\nlisteners=[\"web\"]\nroutes=[{path=\"/\",module=\"demo\"}]\n"
      "bus = \"redis://me:hunter2@10.0.0.5\"\n",
      "f");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->pools[0].bus, "redis://me:hunter2@10.0.0.5");
  std::string shown;
  for (const Setting& setting : loaded.settings) shown += setting.path + setting.value + "\n";
  EXPECT_NE(shown.find("pool.web.bus\"redis://me:***@10.0.0.5\"\n"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("hunter2"), std::string::npos);
}

TEST(Load, TheEngineHangsSoonerThanACommand) {
  const Config engine = load_good(
      "[listener.web]\n[pool.web]\nlisteners=[\"web\"]\nroutes=[{path=\"/\",module=\"demo\"}]\n");
  EXPECT_EQ(engine.pools.at(0).hang_timeout, std::chrono::seconds(10));
}

TEST(Load, FillsInTheDefaults) {
  using std::chrono::milliseconds;
  const Config config = load_good(kMinimal);
  EXPECT_EQ(config.daemon.log_level, "info");
  EXPECT_EQ(config.daemon.runtime_directory, "");
  EXPECT_EQ(config.daemon.lame_duck, milliseconds(0));
  EXPECT_EQ(config.daemon.watchdog_share, 50);
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_EQ(config.listeners[0].address, "");
  EXPECT_EQ(config.listeners[0].backlog, 4096);
  EXPECT_EQ(config.listeners[0].mode, 0660);
  EXPECT_EQ(config.listeners[0].balance, "least-connections");
  ASSERT_EQ(config.pools.size(), 1U);
  const Pool& pool = config.pools[0];
  EXPECT_TRUE(pool.workers_auto);
  EXPECT_EQ(pool.max_workers, 256);
  EXPECT_EQ(pool.start_timeout, milliseconds(30'000));
  EXPECT_EQ(pool.restart_delay, milliseconds(100));
  EXPECT_EQ(pool.hang_timeout, milliseconds(30'000)) << "it may be slow, and has one thread";
  EXPECT_EQ(pool.batch, 0);
  EXPECT_EQ(pool.max_surge, 1024);
  EXPECT_EQ(pool.max_unavailable, 0);
  EXPECT_EQ(pool.ready_for, milliseconds(0));
  EXPECT_EQ(pool.max_failures, 1);
  EXPECT_EQ(pool.max_generations, 32);
  EXPECT_EQ(pool.max_age, milliseconds(0));
  EXPECT_EQ(pool.max_requests, 0);
  EXPECT_EQ(pool.limits.max_header_size, 16 * 1024);
  EXPECT_EQ(pool.limits.max_body_size, 1024 * 1024);
  EXPECT_EQ(pool.limits.keepalive_timeout, milliseconds(75'000));
  EXPECT_EQ(pool.limits.drain_idle, milliseconds(500));
  EXPECT_EQ(pool.limits.drain_spread, milliseconds(250));
  EXPECT_TRUE(config.admin.enabled);
  EXPECT_THAT(config.admin.address, ElementsAre("unix:/run/sockherd/admin.sock", "127.0.0.1:9753"));
}

TEST(Load, ReadsEveryKindOfValue) {
  const Config config = load_good(R"(
    [listener.web]
    address = "unix:/run/web.sock"
    mode = "0600"
    [pool.web]
    listeners = ["web"]
    workers = 3
    environment = ["A=b=c", "EMPTY="]
    drain_timeout = 90
    hang_timeout = "0s"
    header_timeout = 0.25
    max_body_size = 0
    max_header_size = "32KiB"
    routes = [{ path = "/static/", files = "/srv/www" }, { path = "/", module = "demo" }]
    [admin]
    enabled = false
  )");
  EXPECT_EQ(config.listeners[0].mode, 0600);
  const Pool& pool = config.pools[0];
  EXPECT_FALSE(pool.workers_auto);
  EXPECT_EQ(pool.workers, 3);
  EXPECT_THAT(pool.environment, ElementsAre("A=b=c", "EMPTY="));
  EXPECT_EQ(pool.drain_timeout, std::chrono::seconds(90));
  EXPECT_EQ(pool.hang_timeout, std::chrono::seconds(0));
  EXPECT_EQ(pool.limits.header_timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(pool.limits.max_header_size, 32 * 1024);
  ASSERT_EQ(pool.routes.size(), 2U);
  EXPECT_EQ(pool.routes[0].files, "/srv/www");
  EXPECT_EQ(pool.routes[0].index, std::vector<std::string>{"index.html"});
  EXPECT_EQ(pool.routes[1].module, "demo");
  EXPECT_FALSE(config.admin.enabled);
}

TEST(Load, RoutesMayBeWrittenAsTables) {
  const Config config = load_good(
      "[listener.web]\n[pool.web]\nlisteners=[\"web\"]\n[[pool.web.routes]]\npath=\"/"
      "\"\nmodule=\"demo\"\n");
  EXPECT_EQ(config.pools[0].routes.at(0).module, "demo");
}

TEST(Load, KeepsTheOrderOfTheFile) {
  const Config config = load_good(
      "[listener.z]\n[listener.a]\n[pool.z]\nlisteners=[\"z\"]\ncommand=[\"x\"]\n"
      "[pool.a]\nlisteners=[\"a\"]\ncommand=[\"x\"]\n");
  EXPECT_EQ(config.listeners[0].name, "z");
  EXPECT_EQ(config.pools[1].name, "a");
  EXPECT_EQ(config.find_pool("a"), &config.pools[1]);
  EXPECT_EQ(config.find_listener("none"), nullptr);
}

TEST(Load, AnEmptyAdminAddressSwitchesAdminOff) {
  EXPECT_FALSE(load_good(std::string(kMinimal) + "[admin]\naddress = []\n").admin.enabled);
}

TEST(Load, OverridesWinOverTheFileAndLaterOnesOverEarlier) {
  const Config config = load_good(std::string(kMinimal) + "workers = 2\n",
                                  {{"environment", "pool.web.workers", "4"},
                                   {"--set", "pool.web.workers", "6"},
                                   {"--set", "pool.web.drain_timeout", "5s"},
                                   {"--set", "pool.web.command", "[\"a\", \"b\"]"},
                                   {"--set", "listener.web.address", "127.0.0.1:80"},
                                   {"--set", "admin.enabled", "false"},
                                   {"--set", "admin.user", "1000"}});
  EXPECT_EQ(config.pools[0].workers, 6);
  EXPECT_EQ(config.pools[0].drain_timeout, std::chrono::seconds(5));
  EXPECT_THAT(config.pools[0].command, ElementsAre("a", "b"));
  EXPECT_EQ(config.listeners[0].address, "127.0.0.1:80");
  EXPECT_FALSE(config.admin.enabled);
  EXPECT_EQ(config.admin.user, "1000");
}

TEST(Load, OverridesCanMakeAWholeConfiguration) {
  const Config config = load_good("", {{"--set", "listener.web.address", "[::]:80"},
                                       {"--set", "pool.web.listeners", "[\"web\"]"},
                                       {"--set", "pool.web.routes", "[{path='/',module='demo'}]"}});
  EXPECT_EQ(config.pools.at(0).routes.at(0).module, "demo");
}

TEST(Load, OverridesPassTheSameChecks) {
  EXPECT_EQ(first_fault(kMinimal, {{"--set", "pool.web.workers", "0"}}),
            "--set: pool.web.workers: must be 1 to 1024, is 0");
  EXPECT_THAT(first_fault(kMinimal, {{"environment", "pool.web.wrokers", "1"}}),
              HasSubstr("did you mean \"workers\"?"));
  EXPECT_THAT(first_fault(kMinimal, {{"--set", "pool.web", "1"}}), HasSubstr("expected a table"));
  EXPECT_THAT(first_fault(kMinimal, {{"--set", "", "1"}}), HasSubstr("unknown option"));
  EXPECT_THAT(first_fault(kMinimal, {{"--set", "pool.web.workers", "4\nmax_workers = 9"}}),
              HasSubstr("expected \"auto\" or a whole number"));
}

TEST(Load, ReadsOverridesFromTheEnvironment) {
  const char* const kEnvironment[] = {"PATH=/bin",
                                      "SOCKHERD_POOL__WEB__WORKERS=4",
                                      "SOCKHERD_ADMIN__USER=a=b",
                                      "SOCKHERD_POOL=web",
                                      "SOCKHERD_SLOT=3",
                                      "SOCKHERD_CONTROL=/x",
                                      "SOCKHERD___X=1",
                                      "SOCKHERD_X__=1",
                                      nullptr};
  const std::vector<Override> overrides = overrides_from_environment(kEnvironment);
  ASSERT_EQ(overrides.size(), 2U);
  EXPECT_EQ(overrides[0].key, "pool.web.workers");
  EXPECT_EQ(overrides[0].value, "4");
  EXPECT_EQ(overrides[0].source, "environment");
  EXPECT_EQ(overrides[1].key, "admin.user");
  EXPECT_EQ(overrides[1].value, "a=b");
}

TEST(Load, TellsWhereEachValueCameFrom) {
  const Loaded loaded =
      load(std::string(kMinimal) + "workers = 2\n", "f", {{"--set", "pool.web.max_workers", "8"}});
  const auto setting = [&](std::string_view path) -> std::string {
    for (const Setting& s : loaded.settings)
      if (s.path == path) return s.value + " from " + s.origin;
    return "missing";
  };
  EXPECT_EQ(setting("pool.web.workers"), "2 from f:5:11");
  EXPECT_EQ(setting("pool.web.max_workers"), "8 from --set");
  EXPECT_EQ(setting("pool.web.stable_after"), "\"10s\" from default");
  EXPECT_EQ(setting("pool.web.command"), "[\"node\", \"\"] from f:4:11");
}

TEST(Sample, LoadsWithoutAFaultAndServesTheDemo) {
  const Config config = load_good(sample());
  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_EQ(config.pools[0].routes.at(0).module, "demo");
  EXPECT_EQ(config.listeners.at(0).address, "[::]:8080");
}

// "#key = value" is an option that is commented out; "# words" is a comment.
std::string uncommented(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    if (line.size() > 2 && line[0] == '#' && line[1] != ' ') line.remove_prefix(1);
    result += line;
  }
  return result;
}

TEST(Sample, ShowsTheRealDefaults) {
  const Loaded as_is = load(sample(), "f");
  const Loaded written_out = load(uncommented(sample()), "f");
  ASSERT_TRUE(as_is.config && written_out.config);
  ASSERT_EQ(as_is.settings.size(), written_out.settings.size());
  for (size_t i = 0; i < as_is.settings.size(); ++i)
    EXPECT_EQ(as_is.settings[i].value, written_out.settings[i].value) << as_is.settings[i].path;
}

TEST(Sample, DocumentsEveryOptionIn80Columns) {
  const std::string text = sample();
  for (const Option& option : options()) {
    const std::string name(option.name);
    const bool is_route = option.section == Section::Route;
    EXPECT_THAT(text, HasSubstr(is_route ? "#   " + name + ": " : name + " = "));
  }
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    EXPECT_LE(end - start, 80U) << text.substr(start, end - start);
    start = end + 1;
  }
}

}  // namespace
}  // namespace sockherd::config
