#include "daemon/supervisor/inheritance.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;
using testing::UnorderedElementsAre;

Inheritance sorted(const std::vector<std::string>& names) {
  std::vector<sys::PassedFd> passed;
  for (const std::string& name : names) {
    passed.push_back({name, UniqueFd(::memfd_create(name.c_str(), MFD_CLOEXEC))});
  }
  return Inheritance::sort(std::move(passed));
}

TEST(Inheritance, IsSortedByNameAndNotByOrder) {
  const auto all =
      sorted({"sockherd.notify.7", "sockherd.slot.1.web", "web", "sockherd.worker.7",
              "sockherd.stats.web", "sockherd.slot.0.web", "sockherd.slot.0.a.b", "admin",
              "sockherd.control.7", "sockherd.worker.9", "web", "sockherd.bpf.2.web",
              "sockherd.config.4", "sockherd.bus.web", "sockherd.bell.web"});
  std::vector<std::string> units;
  for (const sys::PassedFd& unit : all.units) units.push_back(unit.name);
  EXPECT_THAT(units, ElementsAre("web", "admin", "web"));
  EXPECT_THAT(all.slots, UnorderedElementsAre(Key("web"), Key("a.b")));
  EXPECT_THAT(all.slots.at("web"), ElementsAre(Key(0U), Key(1U)));
  EXPECT_THAT(all.workers, ElementsAre(Key(7U), Key(9U)));
  EXPECT_TRUE(all.workers.at(7).pidfd && all.workers.at(7).control && all.workers.at(7).notify);
  EXPECT_TRUE(all.workers.at(9).pidfd);
  EXPECT_FALSE(all.workers.at(9).control || all.workers.at(9).notify);
  EXPECT_THAT(all.statistics, ElementsAre(Key("web")));
  EXPECT_THAT(all.buses, ElementsAre(Key("web")));
  EXPECT_TRUE(all.buses.at("web").file && all.buses.at("web").bell);
  EXPECT_THAT(all.balances.at("web"), ElementsAre(Key(2U)));
  EXPECT_THAT(all.configs, ElementsAre(Key(4U)));
  EXPECT_THAT(all.strays, IsEmpty());
}

TEST(Inheritance, WhatALaterVersionHadKeptIsAStrayAndNotASocketOfAUnit) {
  const auto all = sorted({"sockherd.future.1", "sockherd.slot.x.web", "sockherd."});
  EXPECT_THAT(all.strays,
              UnorderedElementsAre("sockherd.future.1", "sockherd.slot.x.web", "sockherd."));
  EXPECT_THAT(all.units, IsEmpty());
}

// Cut to 32 bits it would have taken the place of slot 0.
TEST(Inheritance, ANumberThatNoSlotCanHaveIsAStray) {
  const auto all = sorted({"sockherd.slot.0.web", "sockherd.slot.4294967296.web"});
  EXPECT_EQ(all.slots.at("web").size(), 1U);
  EXPECT_THAT(all.strays, ElementsAre("sockherd.slot.4294967296.web"));
}

TEST(Inheritance, OfTwoSocketsWithOneNameNeitherIsClosed) {
  const auto all = sorted({"sockherd.slot.0.web", "sockherd.slot.1.web", "sockherd.slot.1.web"});
  EXPECT_THAT(all.slots.at("web"), ElementsAre(Key(0U), Key(1U)));
  ASSERT_EQ(all.spares.size(), 1U);
  EXPECT_EQ(all.spares[0].listener, "web");
  EXPECT_EQ(all.spares[0].slot, 1U);
  EXPECT_TRUE(all.spares[0].fd);
}

TEST(Inheritance, NothingIsTheFirstStart) {
  const auto all = sorted({});
  EXPECT_TRUE(all.units.empty() && all.slots.empty() && all.workers.empty());
}

}  // namespace
}  // namespace sockherd::supervisor
