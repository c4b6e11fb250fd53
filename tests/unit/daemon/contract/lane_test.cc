#include "daemon/contract/lane.h"

#include <gtest/gtest.h>

namespace sockherd::contract {
namespace {

TEST(Lane, OfOneThreadHasTheNameOfItsListener) {
  EXPECT_EQ(name_of({.lane = 0, .number = 3, .listener = "web"}, 3), "web");
  EXPECT_EQ(parse_lane("web", 3), (Lane{.lane = 0, .number = 3, .listener = "web"}));
}

TEST(Lane, ComesBackAsItWas) {
  const Lane lanes[] = {{.lane = 0, .number = 7, .listener = "web"},
                        {.lane = 1, .number = 3, .listener = "a-b_C9"},
                        {.lane = 63, .number = 1023, .listener = "web"}};
  for (const Lane& lane : lanes) EXPECT_EQ(parse_lane(name_of(lane, 3), 3), lane);
  EXPECT_EQ(name_of(lanes[1], 3), "sockherd.lane.1.3.a-b_C9");
}

TEST(Lane, IsRefusedWhereANumberIsMissingOrNone) {
  for (const char* name :
       {"sockherd.lane.", "sockherd.lane.1", "sockherd.lane.1.2", "sockherd.lane.1.2.",
        "sockherd.lane.x.2.web", "sockherd.lane.1.-2.web", "sockherd.lane..2.web"}) {
    EXPECT_EQ(parse_lane(name, 0), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace sockherd::contract
