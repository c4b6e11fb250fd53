#include "admin/ctl/views.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::ctl {
namespace {

using bus::Dictionary;
using testing::HasSubstr;

Dictionary running() {
  Dictionary status;
  status.set("version", std::string("0.1.0"));
  status.set("pid", int64_t{812});
  status.set("state", std::string("running"));
  status.set("ready", true);
  status.set("generation", uint64_t{3});
  status.set("uptime_seconds", 273'600.0);
  status.set("config_file", std::string("/etc/sockherd/sockherd.toml"));
  status.set("log_warnings", uint64_t{2});
  return status;
}

TEST(Views, StatusIsAFewLines) {
  EXPECT_EQ(view_status(running(), 0, Palette::Plain),
            "sockherd 0.1.0 is running for 3d 4h, PID 812\n"
            "  configuration  /etc/sockherd/sockherd.toml, generation 3\n"
            "  last reload    none yet\n"
            "  log            2 warnings, 0 errors\n");
}

TEST(Views, StatusTellsTheLastReload) {
  Dictionary status = running();
  status.set("reloads", uint64_t{1});
  status.set("last_reload_ok", true);
  status.set("last_reload_time_seconds", 1000.0);
  status.set("last_reload_seconds", 0.42);
  EXPECT_THAT(view_status(status, 8260, Palette::Plain), HasSubstr("2h 1m ago, took 0.4s\n"));
}

TEST(Views, StatusTellsWhyTheLastReloadFailed) {
  Dictionary status = running();
  status.set("reload_failures", uint64_t{1});
  status.set("last_reload_ok", false);
  status.set("last_reload_reasons", std::vector<std::string>{"f:1:2: one", "two"});
  EXPECT_THAT(view_status(status, 0, Palette::Plain),
              HasSubstr("failed, the last good one never\n"
                        "                 f:1:2: one\n                 two\n"));
}

TEST(Views, StatusTellsWhatIsNotAsUsual) {
  Dictionary status = running();
  status.set("rollout", std::string("upgrade"));
  status.set("adopted", uint64_t{2});
  status.set("hung", uint64_t{0});
  status.set("lent", uint64_t{1});
  status.set("watchdog_withheld", true);
  EXPECT_THAT(view_status(status, 0, Palette::Plain),
              HasSubstr("  under way      upgrade: workers of the predecessor are replaced\n"
                        "  workers        2 adopted, 1 slot lent\n"
                        "  watchdog       withheld: too few workers serve\n"));
  status.set("lame_duck", true);
  EXPECT_THAT(view_status(status, 0, Palette::Plain), HasSubstr("  under way      stopping soon"));
}

TEST(Views, WorkersTellWhatIsSpecialAboutThem) {
  Dictionary worker;
  worker.set("pool", std::string("web"));
  worker.set("state", std::string("ready"));
  worker.set("adopted", true);
  worker.set("hung", false);
  worker.set("serves_also", std::vector<std::string>{"2", "5"});
  EXPECT_THAT(view_workers({worker}, Palette::Plain),
              HasSubstr("ready (adopted, also serves 2, 5)"));
}

TEST(Views, EventsAreLinesInFixedColumns) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  Dictionary event;
  event.set("sequence", uint64_t{17});
  event.set("time_us", uint64_t{1'700'000'000'123'456});
  event.set("event", std::string("worker-crashed"));
  event.set("level", std::string("warning"));
  event.set("pool", std::string("web"));
  event.set("slot", uint64_t{0});
  event.set("generation", uint64_t{3});
  event.set("pid", int64_t{812});
  event.set("detail", std::string("signal SEGV\x1b"));
  Dictionary bare;
  bare.set("sequence", uint64_t{18});
  bare.set("event", std::string("ready"));
  EXPECT_EQ(
      view_events({event, bare}, Palette::Plain),
      "2023-11-14 22:13:20.123  17     worker-crashed         web/0       3    812      signal "
      "SEGV?\n"
      "1970-01-01 00:00:00.000  18     ready                  -           -    -\n");
  EXPECT_THAT(view_events({event}, Palette::Coloured), HasSubstr("\033[33mworker-crashed"));
}

TEST(Views, StatusOfADaemonThatTellsNothingIsStillText) {
  EXPECT_THAT(view_status({}, 0, Palette::Plain), HasSubstr("sockherd - is unknown"));
}

TEST(Views, PoolsShowWhatIsMissing) {
  Dictionary web;
  web.set("name", std::string("web"));
  web.set("desired", uint64_t{4});
  web.set("max", uint64_t{256});
  web.set("ready", uint64_t{3});
  web.set("backoff", uint64_t{1});
  web.set("listeners", std::vector<std::string>{"web"});
  EXPECT_EQ(view_pools({web}, Palette::Plain),
            "POOL  WORKERS  READY  STARTING  DRAINING  BACKOFF  LISTENERS  PROGRAM\n"
            "web     4/256      3         0         0        1  web        built-in\n");
  EXPECT_THAT(view_pools({web}, Palette::Coloured), HasSubstr("\033[31m1\033[0m"));
  web.set("threads", uint64_t{2});
  EXPECT_THAT(view_pools({web}, Palette::Plain), HasSubstr("  built-in, 2 threads each\n"));
}

TEST(Views, WorkersTellWhenABackoffEnds) {
  Dictionary worker;
  worker.set("pool", std::string("web"));
  worker.set("slot", uint64_t{2});
  worker.set("state", std::string("backoff"));
  worker.set("retry_seconds", 3.0);
  worker.set("restarts", uint64_t{5});
  worker.set("last_exit", std::string("signal SEGV"));
  EXPECT_EQ(
      view_workers({worker}, Palette::Plain),
      "POOL  SLOT  STATE                   PID  GENERATION  UPTIME  RESTARTS  LAST EXIT    STATUS\n"
      "web      2  backoff, again in 3.0s    -           0       -         5  signal SEGV\n");
}

TEST(Views, WorkerStatusCannotSteerTheTerminal) {
  Dictionary worker;
  worker.set("pid", int64_t{9});
  worker.set("state", std::string("ready"));
  worker.set("status", std::string("\033]0;title\a"));
  EXPECT_EQ(view_workers({worker}, Palette::Plain).find('\033'), std::string::npos);
}

TEST(Views, ListenersShowAFullQueueInRed) {
  Dictionary listener;
  listener.set("name", std::string("web"));
  listener.set("address", std::string("[::]:80"));
  listener.set("adopted", true);
  listener.set("served", true);
  listener.set("balance", std::string("hash"));
  listener.set("balance_in_force", std::string("hash"));
  listener.set("accept_queue", uint64_t{80});
  listener.set("accept_queue_limit", uint64_t{100});
  EXPECT_EQ(view_listeners({listener}, Palette::Plain),
            "LISTENER  ADDRESS  SLOT  FROM     SERVED  BALANCE   QUEUE\n"
            "web       [::]:80     0  systemd  yes     hash     80/100\n");
  EXPECT_THAT(view_listeners({listener}, Palette::Coloured), HasSubstr("\033[31m80/100"));
  listener.set("slot", uint64_t{3});
  listener.set("thread", uint64_t{1});
  EXPECT_THAT(view_listeners({listener}, Palette::Plain), HasSubstr(" 3.1  systemd"));
}

TEST(Views, ListenersSayOnceWhyTheBalanceIsAnother) {
  std::vector<Dictionary> sockets(2);
  for (Dictionary& socket : sockets) {
    socket.set("name", std::string("web"));
    socket.set("balance", std::string("least-connections"));
    socket.set("balance_in_force", std::string("hash"));
    socket.set("balance_reason", std::string("needs CAP_BPF"));
  }
  EXPECT_THAT(view_listeners(sockets, Palette::Plain),
              testing::EndsWith("0/0\nweb: no least-connections: needs CAP_BPF\n"));
  EXPECT_THAT(view_listeners(sockets, Palette::Coloured), HasSubstr("\033[33mhash"));
}

}  // namespace
}  // namespace sockherd::ctl
