#include "daemon/supervisor/event_ring.h"

#include <gmock/gmock.h>
#include <systemd/sd-id128.h>

#include <set>
#include <string>

#include "daemon/supervisor/event_table.h"

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;

std::vector<uint64_t> numbers(const EventRing::Page& page) {
  std::vector<uint64_t> all;
  for (const Event& event : page.events) all.push_back(event.sequence);
  return all;
}

EventRing ring_of(size_t events, size_t capacity = 4) {
  EventRing ring(capacity);
  for (size_t i = 0; i < events; ++i) ring.add({.name = "ready"});
  return ring;
}

TEST(EventRing, NumbersFromOne) {
  const EventRing::Page page = ring_of(3).read(1, 10);
  EXPECT_THAT(numbers(page), ElementsAre(1, 2, 3));
  EXPECT_EQ(page.first, 1U);
  EXPECT_EQ(page.next, 4U);
  EXPECT_EQ(page.lost, 0U);
}

TEST(EventRing, HasNothingAtFirst) {
  const EventRing::Page page = ring_of(0).read(0, 10);
  EXPECT_THAT(numbers(page), ElementsAre());
  EXPECT_EQ(page.next, 1U);
}

TEST(EventRing, TellsHowManyHaveFallenOut) {
  const EventRing::Page page = ring_of(10).read(3, 10);
  EXPECT_THAT(numbers(page), ElementsAre(7, 8, 9, 10));
  EXPECT_EQ(page.first, 7U);
  EXPECT_EQ(page.lost, 4U);
}

TEST(EventRing, SinceZeroMeansTheLastOnes) {
  const EventRing::Page page = ring_of(10).read(0, 2);
  EXPECT_THAT(numbers(page), ElementsAre(9, 10));
  EXPECT_EQ(page.next, 11U);
  EXPECT_EQ(page.lost, 0U);
}

TEST(EventRing, AReaderGetsEveryEventOnceInPages) {
  const EventRing ring = ring_of(4);
  std::vector<uint64_t> seen;
  uint64_t since = 1;
  for (int i = 0; i < 3; ++i) {
    const EventRing::Page page = ring.read(since, 2);
    for (const uint64_t number : numbers(page)) seen.push_back(number);
    since = page.next;
  }
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(since, 5U);
}

TEST(EventRing, GoesOnWhereAPredecessorStopped) {
  EventRing ring = ring_of(1);  // from before the state was read
  ring.resume(100, {{"ready", 7}, {"stopped", 1}});
  ring.add({.name = "ready"});
  const EventRing::Page page = ring.read(98, 10);
  EXPECT_THAT(numbers(page), ElementsAre(100, 101));
  EXPECT_EQ(page.lost, 2U);
  EXPECT_EQ(ring.count("ready"), 9U);
  EXPECT_EQ(ring.count("stopped"), 1U);
  EXPECT_EQ(ring.count("starting"), 0U);
}

TEST(EventRing, ANumberOfAnotherCountStartsAnew) {
  const EventRing::Page page = ring_of(2).read(5000, 10);
  EXPECT_THAT(numbers(page), ElementsAre(1, 2));
  EXPECT_EQ(page.next, 3U);
}

TEST(EventRing, NoRequestOverflows) {
  const EventRing ring = ring_of(2);
  EXPECT_THAT(numbers(ring.read(1, SIZE_MAX)), ElementsAre(1, 2));
  EXPECT_THAT(numbers(ring.read(0, SIZE_MAX)), ElementsAre(1, 2));
  EXPECT_THAT(numbers(ring.read(1, 0)), ElementsAre());
}

TEST(EventTable, HasEachNameOnceAndAllOfTheFleet) {
  std::set<std::string_view> ids;
  for (const EventInfo& event : events()) {
    EXPECT_EQ(find_event(event.name), &event) << event.name << " stands there twice";
    EXPECT_FALSE(event.help.empty());
    sd_id128_t id{};
    EXPECT_EQ(::sd_id128_from_string(std::string(event.id).c_str(), &id), 0) << event.name;
    EXPECT_TRUE(ids.insert(event.id).second) << event.name << " has the number of another";
    if (event.what) {
      EXPECT_EQ(&event_of(*event.what), &event);
    }
  }
  for (auto what = fleet::What{}; what <= fleet::What::UpgradeFailed;
       what = static_cast<fleet::What>(static_cast<int>(what) + 1)) {
    EXPECT_EQ(event_of(what).what, what);
  }
}

}  // namespace
}  // namespace sockherd::supervisor
