#include "admin/load/report.h"

#include "admin/load/bounds.h"
#include "admin/load/picture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sockherd::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Two processes that have sent 300 requests and got 298 answers of 1 to 298 ms.
class Sums : public testing::Test {
 protected:
  Sums() {
    report.plan.target = Target::parse("http://x/<'&>", Protocol::Http).ok()
                             ? Target{}
                             : Target::parse("http://x/'&", Protocol::Http).value();
    report.plan.connections = 20;
    report.plan.processes = 2;
    report.plan.duration = std::chrono::seconds(10);
    for (uint64_t i = 0; i < 300; ++i) {
      Tally& tally = tallies[i % 2];
      tally.add(Count::Sent);
      if (i >= 298) continue;
      tally.add(Count::Answered);
      tally.add_status(i == 0 ? 503 : 200);
      tally.latency.record((i + 1) * 1'000'000);
    }
    tallies[0].add(Count::Attempts, 20);
    tallies[0].add(Count::Opened, 20);
    tallies[0].add(Failure::Reset);
    tallies[0].add(Count::Lost, 2);
    tallies[1].set(Count::CpuUs, 9'500'000);
    report.run_seconds = 10;
    report.open_at_run = 20;
    report.samples = {
        {}, {.seconds = 1, .open = 20, .answered = 30}, {.seconds = 2, .answered = 298}};
    sum_up(report, tallies);
  }

  std::array<Tally, 2> tallies;
  Report report;
};

TEST_F(Sums, AreOfAllProcesses) {
  EXPECT_EQ(report.get(Count::Sent), 300U);
  EXPECT_EQ(report.get(Count::Answered), 298U);
  EXPECT_EQ(report.failed(), 1U);
  EXPECT_EQ(report.missing(), 2U);
  EXPECT_DOUBLE_EQ(report.rate(), 29.8);
  EXPECT_EQ(report.latency->count(), 298U);
  EXPECT_EQ(report.latency->max(), 298'000'000U);
  EXPECT_DOUBLE_EQ(report.busiest_cpu, 0.95);
}

TEST_F(Sums, AreToldToPeople) {
  const std::string text = view(report);
  for (const char* line :
       {"20 connections of 2 processes", "300 sent, 298 answered", "29 a second", "200 297, 503 1",
        "reset 1", "p99.9", "max          298 ms", "busy for 95 %", "2 answers were lost"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(Sums, SayNothingOfWhatIsWell) {
  report.busiest_cpu = 0.5;
  report.counts[static_cast<size_t>(Count::Lost)] = 0;
  EXPECT_THAT(caveats(report), IsEmpty());
  report.counts[static_cast<size_t>(Count::Unsent)] = 7;
  EXPECT_THAT(caveats(report), ElementsAre(HasSubstr("7 requests were due")));
  report.counts[static_cast<size_t>(Count::Unsent)] = 0;
  for (int i = 0; i < 10; ++i) report.slips->record(3'000'000);
  EXPECT_THAT(caveats(report), ElementsAre(HasSubstr("schedule slipped")));
}

TEST_F(Sums, AreHeldAgainstBounds) {
  const auto breaks = [this](const char* text) {
    return broken(parse_bounds(text).value(), report);
  };
  EXPECT_THAT(breaks("p50>1ms"), ElementsAre(HasSubstr("p50>1ms: it is 1")));
  EXPECT_THAT(breaks("p50>1s,max>298ms,errors>1,errors>1%,rate<29,unopened>0,unsent>0"), IsEmpty());
  EXPECT_EQ(breaks("errors>0,missing>1,missing>0.5%,rate<30,max>297ms").size(), 5U);
  for (const char* wrong : {"p50", "p50>1", "p51>1ms", "rate>1%", "errors>-1", "errors>1ms", ">1",
                            "errors>x", "p50>1h"}) {
    EXPECT_FALSE(parse_bounds(wrong).ok()) << wrong;
  }
  EXPECT_EQ(futility(report), "");
  report.counts[static_cast<size_t>(Count::Answered)] = 0;
  EXPECT_EQ(futility(report), "nothing was answered");
  report.counts[static_cast<size_t>(Count::Opened)] = 0;
  EXPECT_EQ(futility(report), "no connection could be opened");
}

TEST_F(Sums, AreDrawn) {
  report.plan.target.url = "http://x/'&<";
  const std::string picture = draw(report);
  EXPECT_THAT(picture, HasSubstr("http://x/&#39;&amp;&lt;"));
  EXPECT_THAT(picture, HasSubstr("polyline"));
  EXPECT_THAT(picture, Not(HasSubstr("nan")));
  EXPECT_THAT(picture, Not(HasSubstr("inf")));
  EXPECT_THAT(draw(Report{}), HasSubstr("nothing was sent"));
}

TEST(Room, ExpectsEachMessageAtEachConnection) {
  Report report;
  report.plan.task = Task::Listen;
  report.open_at_run = 100;
  report.counts[static_cast<size_t>(Count::Sent)] = 7;
  report.counts[static_cast<size_t>(Count::Answered)] = 690;
  EXPECT_EQ(report.expected(), 700U);
  EXPECT_EQ(report.missing(), 10U);
}

TEST(Words, AreOfAReadableSize) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000'000), "1,000,000");
  EXPECT_EQ(human_time(512), "512 ns");
  EXPECT_EQ(human_time(1.5e3), "1.5 us");
  EXPECT_EQ(human_time(12.34e6), "12.3 ms");
  EXPECT_EQ(human_time(61e9), "61 s");
  EXPECT_EQ(human_bytes(100), "100 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
}

TEST(Machine, TellsWhatIsInTheWay) {
  const Machine small{.descriptors = 1024,
                      .files_most = 20'000,
                      .watches_most = 10'000,
                      .first_port = 32768,
                      .last_port = 60999,
                      .tcp_pages_most = 10'000,
                      .memory_free_bytes = uint64_t{10} << 20,
                      .tracked_most = 1000,
                      .tracked = 1};
  std::vector<std::string> checks;
  for (const Finding& finding : judge(small, {.connections = 30'000, .has_both_ends = true})) {
    checks.emplace_back(finding.check);
    EXPECT_FALSE(finding.remedy.empty());
  }
  EXPECT_THAT(checks, ElementsAre("descriptors", "files", "watches", "ports", "memory", "tcp_mem",
                                  "tracking"));
  Machine later = small;
  EXPECT_THAT(compare(small, later), IsEmpty());
  later.listen_overflows = 3;
  later.syn_retransmits = 2;
  EXPECT_EQ(compare(small, later).size(), 2U);
}

TEST(Machine, IsRead) {
  const Machine machine = read_machine();
  EXPECT_GT(machine.descriptors, 0U);
  EXPECT_GT(machine.files_most, 0U);
  EXPECT_GT(machine.ports(), 0U);
  EXPECT_GT(machine.tcp_pages_most, 0U);
  EXPECT_GT(machine.memory_free_bytes, 0U);
}

}  // namespace
}  // namespace sockherd::load
