#include "daemon/supervisor/bus_objects.h"

#include <gmock/gmock.h>

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

BusObject pool(uint64_t ready, uint64_t desired = 2) {
  bus::Dictionary properties;
  properties.set("Name", std::string("web"));
  properties.set("Ready", ready);
  properties.set("Desired", desired);
  return {"io.sockherd.Sockherd1.Pool", properties};
}

TEST(BusObjects, NothingIsToldOfWhatStaysAsItIs) {
  const BusObjects same = {{"/a", pool(1)}, {"/b", pool(2)}};
  const BusChanges changes = compare(same, same);
  EXPECT_THAT(changes.added, IsEmpty());
  EXPECT_THAT(changes.removed, IsEmpty());
  EXPECT_THAT(changes.changed, IsEmpty());
}

TEST(BusObjects, ObjectsComeAndGo) {
  const BusChanges changes =
      compare({{"/a", pool(1)}, {"/b", pool(2)}}, {{"/b", pool(2)}, {"/c", pool(3)}});
  EXPECT_THAT(changes.added, ElementsAre("/c"));
  EXPECT_THAT(changes.removed, ElementsAre("/a"));
  EXPECT_THAT(changes.changed, IsEmpty());
}

TEST(BusObjects, OnlyThePropertiesThatHaveChangedAreNamed) {
  EXPECT_THAT(compare({{"/a", pool(1)}}, {{"/a", pool(2)}}).changed,
              ElementsAre(Pair("/a", ElementsAre("Ready"))));
  EXPECT_THAT(compare({{"/a", pool(1, 2)}}, {{"/a", pool(2, 3)}}).changed,
              ElementsAre(Pair("/a", ElementsAre("Ready", "Desired"))));
}

}  // namespace
}  // namespace sockherd::supervisor
