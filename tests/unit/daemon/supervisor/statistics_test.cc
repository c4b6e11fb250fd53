#include "daemon/supervisor/statistics.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

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
  Statistics statistics;
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
  Statistics statistics;
  EXPECT_EQ(statistics.open_read_only("web").error().code, ENOENT);
  const int web = statistics.segment_fd("web").value();
  const int api = statistics.segment_fd("api").value();
  EXPECT_NE(web, api);
  EXPECT_EQ(statistics.segment_fd("web").value(), web);
  EXPECT_EQ(statistics.take_seat("web", 0, 1).value(), 0U);
  EXPECT_EQ(statistics.take_seat("api", 0, 1).value(), 0U);
}

TEST(Statistics, SaysWhenAllSeatsAreTaken) {
  Statistics statistics;
  Result<uint32_t> seat = 0U;
  for (uint32_t i = 0; i < 10'000 && seat.ok(); ++i) seat = statistics.take_seat("web", 0, 1);
  ASSERT_FALSE(seat.ok());
  EXPECT_EQ(seat.error().what, "pool web: too many workers are still draining");
  statistics.fold("web", 17);
  EXPECT_EQ(statistics.take_seat("web", 0, 1).value(), 17U);
}

}  // namespace
}  // namespace sockherd::supervisor
