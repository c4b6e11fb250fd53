#include "daemon/stats/segment.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "gtest/gtest.h"

namespace sockherd::stats {
namespace {

// Zeroed, page-aligned memory, as mmap(2) gives it.
class Memory {
 public:
  explicit Memory(size_t bytes)
      : base_(static_cast<std::byte*>(std::aligned_alloc(sizeof(Page), bytes))), bytes_(bytes) {
    std::memset(base_.get(), 0, bytes);
  }
  std::span<std::byte> bytes() const { return {base_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(std::byte* base) const { std::free(base); }
  };
  std::unique_ptr<std::byte, Free> base_;
  size_t bytes_;
};

Memory memory_for(uint32_t slots, uint32_t seats) {
  return Memory(Segment::size_bytes(slots, seats));
}

TEST(Segment, ReaderSeesTheShapeThatWasFormatted) {
  const Memory memory = memory_for(3, 5);
  Segment::format(memory.bytes(), 3, 5);
  const Result<Segment> reader = Segment::attach(memory.bytes());
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader.value().slots(), 3U);
  EXPECT_EQ(reader.value().seats(), 5U);
}

TEST(Segment, GivesEachWorkerItsOwnSeatUntilNoneIsLeft) {
  const Memory memory = memory_for(2, 2);
  Segment segment = Segment::format(memory.bytes(), 2, 2);
  EXPECT_EQ(segment.take_seat(0, 1), 0U);
  EXPECT_EQ(segment.take_seat(1, 1), 1U);
  EXPECT_EQ(segment.take_seat(1, 2), std::nullopt);
  segment.fold_seat(0);
  EXPECT_EQ(segment.take_seat(1, 2), 0U);
}

TEST(Segment, SeatSaysWhoSitsThere) {
  const Memory memory = memory_for(4, 1);
  Segment segment = Segment::format(memory.bytes(), 4, 1);
  ASSERT_EQ(segment.take_seat(3, 7), 0U);
  segment.set_seat_pid(0, 812);
  const Page& page = segment.seat(0);
  EXPECT_EQ(page.slot.load(), 3U);
  EXPECT_EQ(page.generation.load(), 7U);
  EXPECT_EQ(page.pid.load(), 812);
}

TEST(Segment, CountsTotalsAndAllLiveSeatsOfASlot) {
  const Memory memory = memory_for(2, 3);
  Segment segment = Segment::format(memory.bytes(), 2, 3);
  for (const uint32_t slot : {0U, 0U, 1U}) ASSERT_TRUE(segment.take_seat(slot, 1));
  segment.seat(0).counters.add(Count::Requests, 5);
  segment.seat(1).counters.add(Count::Requests, 7);
  segment.seat(2).counters.add(Count::Requests, 100);
  segment.fold_seat(0);
  EXPECT_EQ(segment.read_slot(0).get(Count::Requests), 12U);
  EXPECT_EQ(segment.read_slot(1).get(Count::Requests), 100U);
  const std::vector<Totals> all = segment.read_first(2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].get(Count::Requests), 12U);
  EXPECT_EQ(all[1].get(Count::Requests), 100U);
}

TEST(Segment, FoldKeepsEveryTotal) {
  const Memory memory = memory_for(1, 1);
  Segment segment = Segment::format(memory.bytes(), 1, 1);
  ASSERT_TRUE(segment.take_seat(0, 1));
  Counters& counters = segment.seat(0).counters;
  for (size_t i = 0; i < kCounts; ++i) counters.add(static_cast<Count>(i), i + 1);
  counters.add(Count::ConnectionsAccepted, 100);
  counters.observe_latency_ns(1'000'000);
  counters.observe_latency_ns(3'000'000'000);
  Totals before = segment.read_slot(0);
  segment.fold_seat(0);
  const Totals after = segment.read_slot(0);
  before.counts[static_cast<size_t>(Count::ConnectionsClosed)] += before.open_connections();
  EXPECT_EQ(after.counts, before.counts);
  EXPECT_EQ(after.latency, before.latency);
  EXPECT_EQ(after.latency_sum_ns, 3'001'000'000U);
}

TEST(Segment, FoldClosesTheOpenConnections) {
  const Memory memory = memory_for(1, 1);
  Segment segment = Segment::format(memory.bytes(), 1, 1);
  ASSERT_TRUE(segment.take_seat(0, 1));
  segment.seat(0).counters.add(Count::ConnectionsAccepted, 10);
  segment.seat(0).counters.add(Count::ConnectionsClosed, 4);
  EXPECT_EQ(segment.read_slot(0).open_connections(), 6U);
  segment.fold_seat(0);
  EXPECT_EQ(segment.read_slot(0).open_connections(), 0U);
  EXPECT_EQ(segment.read_slot(0).get(Count::ConnectionsClosed), 10U);
}

TEST(Segment, ConnectionsThatMovedAreOpenWhereTheyAre) {
  const Memory memory = memory_for(2, 2);
  Segment segment = Segment::format(memory.bytes(), 2, 2);
  for (const uint32_t slot : {0U, 1U}) ASSERT_TRUE(segment.take_seat(slot, 1));
  segment.seat(0).counters.add(Count::ConnectionsAccepted, 10);
  segment.seat(0).counters.add(Count::ConnectionsGiven, 7);
  segment.seat(1).counters.add(Count::ConnectionsAdopted, 7);
  EXPECT_EQ(segment.read_slot(0).open_connections(), 3U);
  EXPECT_EQ(segment.read_slot(1).open_connections(), 7U);
  segment.fold_seat(0);
  EXPECT_EQ(segment.read_slot(0).open_connections(), 0U);
  EXPECT_EQ(segment.read_slot(0).get(Count::ConnectionsClosed), 3U);
}

TEST(Segment, FoldingTwiceCountsOnce) {
  const Memory memory = memory_for(1, 1);
  Segment segment = Segment::format(memory.bytes(), 1, 1);
  ASSERT_TRUE(segment.take_seat(0, 1));
  segment.seat(0).counters.add(Count::Requests, 9);
  segment.fold_seat(0);
  segment.fold_seat(0);
  EXPECT_EQ(segment.read_slot(0).get(Count::Requests), 9U);
}

TEST(Segment, NewWorkerOnAUsedSeatStartsAtZero) {
  const Memory memory = memory_for(2, 1);
  Segment segment = Segment::format(memory.bytes(), 2, 1);
  ASSERT_TRUE(segment.take_seat(0, 1));
  segment.seat(0).counters.add(Count::Requests, 9);
  segment.fold_seat(0);
  ASSERT_TRUE(segment.take_seat(1, 1));
  EXPECT_EQ(segment.read_slot(0).get(Count::Requests), 9U);
  EXPECT_EQ(segment.read_slot(1).get(Count::Requests), 0U);
}

TEST(Segment, IgnoresASlotNumberThatAWorkerOverwrote) {
  const Memory memory = memory_for(1, 1);
  Segment segment = Segment::format(memory.bytes(), 1, 1);
  ASSERT_TRUE(segment.take_seat(0, 1));
  segment.seat(0).slot.store(1'000'000);
  EXPECT_EQ(segment.read_first(1)[0].get(Count::Requests), 0U);
  segment.fold_seat(0);
  EXPECT_EQ(segment.take_seat(0, 2), 0U);
}

TEST(Segment, OpenConnectionsAreNeverBelowZero) {
  Totals totals;
  totals.counts[static_cast<size_t>(Count::ConnectionsClosed)] = 1;
  EXPECT_EQ(totals.open_connections(), 0U);
}

// One thread is the worker and the supervisor in turn (they never act on a seat at the same time),
// the other scrapes.
TEST(Segment, CountersNeverGoDownWhileSeatsAreFolded) {
  const Memory memory = memory_for(1, 2);
  Segment segment = Segment::format(memory.bytes(), 1, 2);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint32_t generation = 0; generation < 20'000; ++generation) {
      const std::optional<uint32_t> seat = segment.take_seat(0, generation);
      for (int i = 0; i < 10; ++i) {
        segment.seat(*seat).counters.add(Count::Requests);
        segment.seat(*seat).counters.observe_latency_ns(1'000'000);
      }
      segment.fold_seat(*seat);
    }
    done = true;
  });
  const Segment reader = Segment::attach(memory.bytes()).value();
  const size_t bucket = Histogram::bucket_of(1'000'000);
  Totals last;
  bool went_down = false;
  while (!done) {
    const Totals now = reader.read_slot(0);
    went_down |= now.get(Count::Requests) < last.get(Count::Requests);
    went_down |= now.latency[bucket] < last.latency[bucket];
    last = now;
  }
  writer.join();
  EXPECT_FALSE(went_down);
  EXPECT_EQ(reader.read_slot(0).get(Count::Requests), 200'000U);
  EXPECT_EQ(reader.read_first(1)[0].latency[bucket], 200'000U);
}

TEST(Segment, AttachRefusesMemoryThatIsNoSegment) {
  const Memory memory = memory_for(1, 1);
  EXPECT_EQ(Segment::attach(memory.bytes()).error().what, "statistics: this memory is no segment");
  EXPECT_FALSE(Segment::attach({}).ok());
  EXPECT_FALSE(Segment::attach(memory.bytes().first(100)).ok());
}

TEST(Segment, AttachRefusesAnotherLayoutVersion) {
  const Memory memory = memory_for(1, 1);
  Segment::format(memory.bytes(), 1, 1);
  memory.bytes()[8] = std::byte{0x7f};  // the version stands behind the eight bytes of the magic
  const Result<Segment> reader = Segment::attach(memory.bytes());
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().what.find("layout version 127, this program knows "), std::string::npos);
}

TEST(Segment, AttachRefusesMemoryShorterThanTheHeaderSays) {
  const Memory memory = memory_for(2, 2);
  Segment::format(memory.bytes(), 2, 2);
  const Result<Segment> reader = Segment::attach(memory.bytes().first(Segment::size_bytes(2, 1)));
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().what.find("shorter than 2 slots and 2 seats"), std::string::npos);
}

}  // namespace
}  // namespace sockherd::stats
