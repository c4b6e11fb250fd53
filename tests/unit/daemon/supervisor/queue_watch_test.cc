#include "daemon/supervisor/queue_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sockherd::supervisor {
namespace {

using std::chrono::milliseconds;
using Verdict = QueueWatch::Verdict;

enum class Asked : uint8_t { Never, OneIsGone, AllWait };

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
                        return c.asked == Asked::OneIsGone;
                      });
    EXPECT_TRUE(!was_asked || c.asked != Asked::Never) << "at " << look.at_ms;
    EXPECT_EQ(watch.is_stalling(), last != Verdict::Flows);
  }
  EXPECT_EQ(last, c.expected);
}

constexpr auto kFlows = Verdict::Flows;
constexpr auto kStalls = Verdict::Stalls;
constexpr auto kHangs = Verdict::Hangs;

INSTANTIATE_TEST_SUITE_P(
    Cases, QueueWatchTable,
    testing::Values(
        Case{"Empty", 1000, {{0, 0}, {500, 0}, {1000, 0}, {1500, 0}}, kFlows},
        Case{"TheFirstLookSaysNothing", 1, {{0, 5}}, kFlows},
        Case{"StandsForHalfOfIt", 1000, {{0, 5}, {499, 5}, {500, 5}}, kStalls},
        Case{"GrowsForHalfOfIt", 1000, {{0, 5}, {250, 6}, {500, 900}}, kStalls},
        Case{"NotYet", 1000, {{0, 5}, {250, 6}, {499, 900}}, kFlows},
        Case{"Shrinks", 1000, {{0, 5}, {250, 6}, {499, 5}, {900, 5}, {998, 7}}, kFlows},
        Case{"EmptyInBetween", 1000, {{0, 5}, {400, 0}, {899, 5}}, kFlows},
        Case{"IsMaskedAndShrinks",
             1000,
             {{0, 5}, {500, 8}, {510, 9, false}, {900, 8, false}},
             kFlows},
        Case{"IsMaskedAndDoesNot",
             1000,
             {{0, 5}, {500, 8}, {510, 9, false}, {900, 9, false}, {1000, 9, false}},
             kHangs},
        Case{"IsMaskedAndNotYet",
             1000,
             {{0, 5}, {500, 8}, {510, 9, false}, {999, 9, false}},
             kStalls},
        // A sibling came late: what was under way may have come since.
        Case{"IsMaskedAMomentAgo",
             1000,
             {{0, 5}, {500, 8}, {900, 9, false}, {1000, 9, false}},
             kFlows,
             Asked::OneIsGone},
        Case{"HasNoSiblingAndAllWait",
             1000,
             {{0, 5}, {500, 8}, {999, 80}, {1000, 80}},
             kHangs,
             Asked::AllWait},
        // As fast as they go: only who waits tells.
        Case{"HasNoSiblingAndOneIsGone",
             1000,
             {{0, 5}, {500, 8}, {999, 80}, {1000, 80}},
             kFlows,
             Asked::OneIsGone},
        Case{"HasNoSiblingAndOneWasGoneBefore",
             1000,
             {{0, 5}, {500, 8}, {1000, 80}, {1499, 80}},
             kFlows,
             Asked::OneIsGone},
        Case{"NoLimit", 0, {{0, 5}, {1900, 5}, {3800, 5}}, kFlows},
        Case{"Suspended", 1000, {{0, 5}, {400, 5}, {3'600'000, 5}, {3'600'400, 5}}, kFlows}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace sockherd::supervisor
