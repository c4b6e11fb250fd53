#include "daemon/supervisor/journal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/supervisor/event_table.h"

namespace sockherd::supervisor {
namespace {

std::optional<Event> event(std::string_view name, log::Facts facts) {
  return event_of_line(log::Level::Info, name, std::span(facts.begin(), facts.size()),
                       1700000000.5);
}

TEST(Journal, ALineOfTheTableIsAnEvent) {
  const auto made = event(
      "worker-crashed",
      {{"pool", "web"}, {"slot", 3}, {"generation", 2}, {"pid", 812}, {"detail", "signal SEGV"}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->name, "worker-crashed");
  EXPECT_EQ(made->level, "info");
  EXPECT_EQ(made->time_us, 1700000000500000);
  EXPECT_EQ(made->pool, "web");
  EXPECT_EQ(made->slot, 3U);
  EXPECT_EQ(made->generation, 2U);
  EXPECT_EQ(made->pid, 812);
  EXPECT_EQ(made->detail, "signal SEGV");
}

TEST(Journal, OtherLinesAreNone) {
  EXPECT_FALSE(event("reload-fault", {{"reason", "line 3"}}));
}

TEST(Journal, AllOtherFactsAreTheDetail) {
  const auto made = event("change-asked", {{"what", "scale web 6"}, {"by", "root"}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->detail, "what=\"scale web 6\" by=root");
  EXPECT_FALSE(made->slot);
  EXPECT_EQ(event("ready", {})->detail, "");
}

TEST(Journal, WhatComesFromOutsideIsMadeFitForTheBus) {
  const auto made =
      event("reload-failed", {{"reason", std::string("\xff\x1b[31m") + std::string(10'000, 'x')}});
  ASSERT_TRUE(made);
  EXPECT_LE(made->detail.size(), 500U);
  EXPECT_EQ(made->detail.find('\xff'), std::string::npos);
  EXPECT_EQ(made->detail.find('\x1b'), std::string::npos);
}

std::string entry(log::Level level, std::string_view name, log::Facts facts) {
  return journal_entry(level, name, std::span(facts.begin(), facts.size()));
}

TEST(Journal, AnEntryHasTheNumberOfItsEventAndItsFields) {
  const std::string text = entry(
      log::Level::Warning, "worker-crashed",
      {{"pool", "web"}, {"slot", 3}, {"generation", 2}, {"pid", 812}, {"detail", "signal SEGV"}});
  EXPECT_EQ(text,
            "MESSAGE=worker-crashed pool=web slot=3 generation=2 pid=812 detail=\"signal SEGV\"\n"
            "PRIORITY=4\nSYSLOG_IDENTIFIER=sockherd\nSOCKHERD_EVENT=worker-crashed\nMESSAGE_ID=" +
                std::string(find_event("worker-crashed")->id) +
                "\nSOCKHERD_POOL=web\nSOCKHERD_SLOT=3\nSOCKHERD_GENERATION=2\nOBJECT_PID=812\n"
                "SOCKHERD_DETAIL=signal SEGV\n");
}

TEST(Journal, AnEntryOfAnotherLineHasNoNumber) {
  EXPECT_EQ(entry(log::Level::Error, "reload-fault", {}),
            "MESSAGE=reload-fault\nPRIORITY=3\nSYSLOG_IDENTIFIER=sockherd\n"
            "SOCKHERD_EVENT=reload-fault\n");
}

TEST(Journal, NothingFromOutsideMakesAField) {
  const std::string text =
      entry(log::Level::Info, "change-asked", {{"by", "x\nMESSAGE_ID=1\n"}, {"MESSAGE", "y"}});
  EXPECT_EQ(text.find("\nMESSAGE_ID=1"), std::string::npos) << text;
  EXPECT_EQ(text.find("\nMESSAGE="), std::string::npos) << text;
  EXPECT_NE(text.find("\nSOCKHERD_BY=x?MESSAGE_ID=1?\n"), std::string::npos) << text;
}

TEST(Journal, TransitionsOfTheFleetAreLinesOfTheTable) {
  std::vector<Event> seen;
  log::set_observer([&](auto level, auto name, auto facts) {
    if (auto one = event_of_line(level, name, facts, 0)) seen.push_back(std::move(*one));
  });
  log_transition({.what = fleet::What::SlotLent, .pool = "web", .slot = 2, .detail = "to slot 0"},
                 0);
  log_transition({.what = fleet::What::SlotLeaving, .pool = "web", .slot = 1, .id = 7}, 42);
  log::set_observer(nullptr);
  ASSERT_EQ(seen.size(), 2U) << "debug lines too, whatever the level of the log";
  EXPECT_EQ(seen[0].name, "slot-lent");
  EXPECT_EQ(seen[0].slot, 2U);
  EXPECT_EQ(seen[0].detail, "to slot 0");
  EXPECT_EQ(seen[1].level, "debug");
  EXPECT_EQ(seen[1].pid, 42);
}

}  // namespace
}  // namespace sockherd::supervisor
