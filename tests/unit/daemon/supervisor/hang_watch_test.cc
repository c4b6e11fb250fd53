#include "daemon/supervisor/hang_watch.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace sockherd::supervisor {
namespace {

using std::chrono::milliseconds;

struct Look {
  int at_ms;
  uint64_t beats;
  uint64_t accepted = 0;
  bool has_queue = false;
};
struct Case {
  const char* name;
  int limit_ms;
  std::vector<Look> looks;
  std::optional<fleet::HangReason> expected = {};  // of the last look; of those before it nothing
};

class HangWatchTable : public testing::TestWithParam<Case> {};

TEST_P(HangWatchTable, Judges) {
  HangWatch watch;
  const Case& c = GetParam();
  for (size_t i = 0; i < c.looks.size(); ++i) {
    const Look& look = c.looks[i];
    const auto why =
        watch.look({look.beats, look.accepted, look.has_queue},
                   Instant{milliseconds(1'000'000 + look.at_ms)}, milliseconds(c.limit_ms));
    const auto expected = i + 1 == c.looks.size() ? c.expected : std::nullopt;
    EXPECT_EQ(why, expected) << "at " << look.at_ms;
  }
}

constexpr auto kStill = fleet::HangReason::Loop;
constexpr auto kQueue = fleet::HangReason::Queue;

INSTANTIATE_TEST_SUITE_P(
    Cases, HangWatchTable,
    testing::Values(
        Case{"Beating", 1000, {{0, 1}, {500, 2}, {1000, 3}, {1500, 4}, {2000, 5}}},
        Case{"StandingStill", 1000, {{0, 1}, {500, 1}, {999, 1}, {1000, 1}}, kStill},
        Case{"BeatingSlowly",
             1000,
             {{0, 1}, {450, 1}, {900, 2}, {1350, 2}, {1800, 3}, {2250, 3}, {2700, 4}}},
        Case{"TheFirstLookSaysNothing", 1, {{0, 1}}},
        Case{"SinceTheLastBeatAndNotTheFirstLook",
             1000,
             {{0, 1}, {450, 1}, {900, 2}, {1350, 2}, {1800, 2}}},
        Case{"AWorkerOfWhichNothingHasBeenSeenYet", 1000, {{0, 0}, {500, 0}, {1000, 0}}, kStill},
        Case{"NoLimit", 0, {{0, 1}, {1900, 1}, {3800, 1}, {5700, 1}}},
        // Accepts nothing because there is nothing.
        Case{"Idle", 1000, {{0, 1, 5}, {500, 2, 5}, {1000, 3, 5}, {1500, 4, 5}}},
        Case{"QueueNotAccepted",
             1000,
             {{0, 1, 5, true}, {500, 2, 5, true}, {999, 3, 5, true}, {1000, 4, 5, true}},
             kQueue},
        Case{"QueueAccepted",
             1000,
             {{0, 1, 5, true}, {500, 2, 6, true}, {1000, 3, 7, true}, {1500, 4, 8, true}}},
        Case{"QueueEmptyInBetween",
             1000,
             {{0, 1, 5, true}, {500, 2, 5, false}, {1000, 3, 5, true}, {1499, 4, 5, true}}},
        // A machine that was suspended: the worker could not run either.
        Case{"Suspended", 1000, {{0, 1}, {900, 1}, {3'600'000, 1}}},
        Case{"SuspendedAndStillNotBack",
             1000,
             {{0, 1}, {3'600'000, 1}, {3'600'500, 1}, {3'601'000, 1}},
             kStill},
        Case{"SuspendedWithAQueue",
             1000,
             {{0, 1, 5, true}, {900, 1, 5, true}, {90'000, 1, 5, true}}},
        Case{"AGapThatIsNone", 6000, {{0, 1}, {2000, 1}, {4000, 1}, {6000, 1}}, kStill},
        // A busy machine that let the supervisor run first.
        Case{"NotLookedAtForHalfOfTheLimit", 500, {{0, 1}, {200, 1}, {900, 1}, {1200, 1}}},
        Case{"LookedAtAgainAndStillNotBack",
             500,
             {{0, 1}, {200, 1}, {900, 1}, {1150, 1}, {1400, 1}},
             kStill},
        Case{"TheShortestLimitIsJudgedAtEachLook", 200, {{0, 1}, {200, 1}}, kStill},
        Case{"LoopFirst", 1000, {{0, 1, 5, true}, {500, 1, 5, true}, {1000, 1, 5, true}}, kStill}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace sockherd::supervisor
