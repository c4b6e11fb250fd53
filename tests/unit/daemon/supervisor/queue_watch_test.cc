#include "daemon/supervisor/queue_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sockherd::supervisor {
namespace {

using std::chrono::milliseconds;
using Verdict = QueueWatch::Verdict;

using Moved = QueueWatch::Moved;

enum class Asked : uint8_t { Never, OneIsGone, OnesOfSiblingsPerhaps, AllWait };

struct Look {
  int at_ms;
  uint64_t length;
  bool gets_more = true;
};
struct Case {
  const char* name;
  int limit_ms;
  std::vector<Look> looks;
  Verdict expected;  // of the last look
  Asked asked = Asked::Never;
};

class QueueWatchTable : public testing::TestWithParam<Case> {};

TEST_P(QueueWatchTable, Judges) {
  QueueWatch watch;
  const Case& c = GetParam();
  Verdict last = Verdict::Flows;
  for (const Look& look : c.looks) {
    EXPECT_NE(last, Verdict::Hangs) << "before " << look.at_ms;
    bool was_asked = false;
    last = watch.look({look.length, look.gets_more}, Instant{milliseconds(1'000'000 + look.at_ms)},
                      milliseconds(c.limit_ms), [&] {
                        was_asked = true;
                        if (c.asked == Asked::OnesOfSiblingsPerhaps) return Moved::Perhaps;
                        return c.asked == Asked::OneIsGone ? Moved::Yes : Moved::No;
                      });
    EXPECT_TRUE(!was_asked || c.asked != Asked::Never) << "at " << look.at_ms;
    EXPECT_EQ(watch.last_verdict(), last);
  }
  EXPECT_EQ(last, c.expected);
}

constexpr auto kFlows = Verdict::Flows;
constexpr auto kDoubtful = Verdict::Doubtful;
constexpr auto kStalls = Verdict::Stalls;
constexpr auto kHangs = Verdict::Hangs;

INSTANTIATE_TEST_SUITE_P(
    Cases, QueueWatchTable,
    testing::Values(
        Case{"Empty", 1000, {{0, 0}, {500, 0}, {1000, 0}, {1500, 0}}, kFlows},
        Case{"TheFirstLookSaysNothing", 1, {{0, 5}}, kFlows},
        Case{"StandsForAQuarterOfIt", 1000, {{0, 5}, {249, 5}, {250, 5}}, kDoubtful},
        Case{"NotYet", 1000, {{0, 5}, {249, 900}}, kFlows},
        Case{"StandsForHalfOfItAndAllWait",
             1000,
             {{0, 5}, {250, 5}, {499, 5}, {500, 5}},
             kStalls,
             Asked::AllWait},
        Case{"GrowsForHalfOfItAndAllWait",
             1000,
             {{0, 5}, {250, 60}, {500, 900}},
             kStalls,
             Asked::AllWait},
        // As many come as go: only who waits tells.
        Case{"StandsForHalfOfItAndOneIsGone",
             1000,
             {{0, 1}, {250, 1}, {500, 1}, {749, 1}},
             kFlows,
             Asked::OneIsGone},
        Case{"NobodyStallsBeforeThoseThatWaitAreNoted", 1000, {{0, 5}, {500, 5}}, kDoubtful},
        Case{"Shrinks", 1000, {{0, 5}, {240, 6}, {499, 5}, {738, 5}, {748, 7}}, kFlows},
        Case{"ShrinksInDoubt", 1000, {{0, 5}, {250, 5}, {499, 4}, {748, 4}}, kFlows},
        Case{"EmptyInBetween", 1000, {{0, 5}, {240, 0}, {489, 5}}, kFlows},
        Case{"StallsUntilItShrinks",
             1000,
             {{0, 5}, {250, 5}, {500, 8}, {510, 9, false}, {900, 8, false}},
             kFlows,
             Asked::AllWait},
        Case{"IsMaskedAndDoesNot",
             1000,
             {{0, 5}, {250, 5}, {500, 8}, {510, 9, false}, {900, 9, false}, {1000, 9, false}},
             kHangs,
             Asked::AllWait},
        Case{"IsMaskedAndNotYet",
             1000,
             {{0, 5}, {250, 5}, {500, 8}, {510, 9, false}, {999, 9, false}},
             kStalls,
             Asked::AllWait},
        Case{"HasNoSiblingAndAllWait",
             1000,
             {{0, 5}, {250, 5}, {500, 8}, {999, 80}, {1000, 80}},
             kHangs,
             Asked::AllWait},
        Case{"SiblingsMoveWhoShareThePort",
             1000,
             {{0, 5}, {250, 5}, {499, 5}, {500, 5}},
             kStalls,
             Asked::OnesOfSiblingsPerhaps},
        Case{"SiblingsMoveAndItIsMasked",
             1000,
             {{0, 5}, {250, 5}, {500, 8}, {510, 9, false}, {1000, 9, false}},
             kHangs,
             Asked::OnesOfSiblingsPerhaps},
        Case{"NobodyIsKilledOnAGuess",
             1000,
             {{0, 5}, {250, 5}, {500, 8}, {999, 80}, {1000, 80}},
             kFlows,
             Asked::OnesOfSiblingsPerhaps},
        Case{"NotLookedAtForMoreThanHalfOfIt", 1000, {{0, 5}, {900, 5}}, kFlows},
        Case{"NoLimit", 0, {{0, 5}, {1900, 5}, {3800, 5}}, kFlows},
        Case{"Suspended", 1000, {{0, 5}, {400, 5}, {3'600'000, 5}, {3'600'249, 5}}, kFlows}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(QueueWatch, OneThatMovesBeforeTheLimitHasStalledInVain) {
  QueueWatch watch;
  Moved has_moved = Moved::No;
  const auto look = [&](int at_ms, uint64_t length) {
    return watch.look({.length = length}, Instant{milliseconds(1'000'000 + at_ms)},
                      milliseconds(1000), [&] { return has_moved; });
  };
  look(0, 5);
  look(250, 6);
  EXPECT_EQ(look(500, 7), kStalls);
  has_moved = Moved::Yes;  // as fast as they come
  EXPECT_EQ(look(1000, 8), kFlows);
  EXPECT_EQ(look(1249, 9), kFlows);
  EXPECT_EQ(look(1250, 9), kDoubtful);
}

}  // namespace
}  // namespace sockherd::supervisor
