#include "daemon/supervisor/statistics.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sockherd::supervisor {
namespace {

using stats::Count;

// As a worker or the admin process sees it.
struct View {
  sys::Mapping mapping;
  std::optional<stats::Segment> segment;
};

View view(int fd, sys::Access access) {
  View view{.mapping = sys::Mapping::create(fd, access).value()};
  view.segment = stats::Segment::attach(view.mapping.bytes()).value();
  return view;
}

TEST(Statistics, CountsOfAWorkerSurviveIt) {
  FdStore store;
  Statistics statistics(store);
  const uint32_t seat = statistics.take_seat("web", 3, 1).value();
  statistics.set_pid("web", seat, 812);
  View worker = view(statistics.segment_fd("web").value(), sys::Access::ReadWrite);
  worker.segment->seat(seat).counters.add(Count::Requests, 5);

  const UniqueFd read_only = statistics.open_read_only("web").value();
  EXPECT_FALSE(sys::Mapping::create(read_only.get(), sys::Access::ReadWrite).ok());
  const View admin = view(read_only.get(), sys::Access::Read);
  EXPECT_EQ(admin.segment->read_slot(3).get(Count::Requests), 5U);
  EXPECT_EQ(admin.segment->seat(seat).pid.load(), 812);

  statistics.fold("web", seat);
  EXPECT_EQ(admin.segment->read_slot(3).get(Count::Requests), 5U);
  EXPECT_EQ(statistics.take_seat("web", 3, 2).value(), seat) << "the seat is free again";
  EXPECT_EQ(admin.segment->read_slot(3).get(Count::Requests), 5U);
}

TEST(Statistics, PoolsAreApartAndUnknownOnesAreTold) {
  FdStore store;
  Statistics statistics(store);
  EXPECT_EQ(statistics.open_read_only("web").error().code, ENOENT);
  const int web = statistics.segment_fd("web").value();
  const int api = statistics.segment_fd("api").value();
  EXPECT_NE(web, api);
  EXPECT_EQ(statistics.segment_fd("web").value(), web);
  EXPECT_EQ(statistics.take_seat("web", 0, 1).value(), 0U);
  EXPECT_EQ(statistics.take_seat("api", 0, 1).value(), 0U);
}

TEST(Statistics, SaysWhenAllSeatsAreTaken) {
  FdStore store;
  Statistics statistics(store);
  Result<uint32_t> seat = 0U;
  for (uint32_t i = 0; i < 10'000 && seat.ok(); ++i) seat = statistics.take_seat("web", 0, 1);
  ASSERT_FALSE(seat.ok());
  EXPECT_EQ(seat.error().what, "pool web: too many workers are still draining");
  statistics.fold("web", 17);
  EXPECT_EQ(statistics.take_seat("web", 0, 1).value(), 17U);
}

TEST(Statistics, ASuccessorCountsOnAndFoldsWhoEndedMeanwhile) {
  FdStore store;
  Statistics first(store);
  const uint32_t living = first.take_seat("web", 0, 1).value();
  const uint32_t dead = first.take_seat("web", 1, 1).value();
  View worker = view(first.segment_fd("web").value(), sys::Access::ReadWrite);
  worker.segment->seat(living).counters.add(Count::Requests, 5);
  worker.segment->seat(dead).counters.add(Count::Requests, 7);

  Statistics second(store);
  UniqueFd kept(::fcntl(first.segment_fd("web").value(), F_DUPFD_CLOEXEC, 3));
  ASSERT_TRUE(second.adopt("web", std::move(kept)).ok());
  second.fold_all_but("web", {living});
  second.fold_all_but("nobody", {});
  EXPECT_EQ(second.counters("web", living).get(Count::Requests), 5U);
  worker.segment->seat(living).counters.add(Count::Requests, 1);  // it counts on
  const View admin = view(second.segment_fd("web").value(), sys::Access::Read);
  EXPECT_EQ(admin.segment->read_slot(0).get(Count::Requests), 6U);
  EXPECT_EQ(admin.segment->read_slot(1).get(Count::Requests), 7U) << "nothing is lost";
  EXPECT_EQ(second.take_seat("web", 2, 2).value(), dead) << "the seat is free again";
  second.fold_all_but("web", {living, dead});
  EXPECT_EQ(admin.segment->read_slot(1).get(Count::Requests), 7U) << "nor counted twice";
}

TEST(Statistics, WhatIsNoSegmentIsRefusedAndBeginsAnew) {
  FdStore store;
  Statistics statistics(store);
  EXPECT_FALSE(statistics.adopt("web", UniqueFd(::memfd_create("empty", MFD_CLOEXEC))).ok());
  UniqueFd zeroes(::memfd_create("zeroes", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(zeroes.get(), 1 << 20), 0);
  EXPECT_FALSE(statistics.adopt("web", std::move(zeroes)).ok());
  // Of another shape.
  UniqueFd small = sys::create_memory_file("small", stats::Segment::size_bytes(2, 2)).value();
  sys::Mapping mapping = sys::Mapping::create(small.get(), sys::Access::ReadWrite).value();
  stats::Segment::format(mapping.bytes(), 2, 2);
  const auto adopted = statistics.adopt("web", std::move(small));
  ASSERT_FALSE(adopted.ok());
  EXPECT_EQ(adopted.error().what, "statistics: a segment of another size");
  EXPECT_EQ(statistics.take_seat("web", 0, 1).value(), 0U);
}

}  // namespace
}  // namespace sockherd::supervisor
