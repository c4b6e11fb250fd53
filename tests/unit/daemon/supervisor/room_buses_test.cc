#include "daemon/supervisor/room_buses.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/supervisor/statistics.h"

namespace sockherd::supervisor {
namespace {

using contract::BusFile;

struct View {
  explicit View(int fd)
      : mapping(sys::Mapping::create(fd, BusFile::head_bytes(Statistics::seats()),
                                     sys::Access::ReadWrite)
                    .value()),
        file(BusFile::attach(mapping.bytes()).value()) {}
  sys::Mapping mapping;
  BusFile file;
};

struct Buses : testing::Test {
  FdStore store;
  RoomBuses buses{store};
};

TEST_F(Buses, AreOneForEachPool) {
  const RoomBuses::Descriptors web = buses.descriptors("web").value();
  const RoomBuses::Descriptors api = buses.descriptors("api").value();
  EXPECT_EQ(buses.descriptors("web").value().file, web.file);
  EXPECT_EQ(buses.descriptors("web").value().bell, web.bell);
  EXPECT_NE(View(web.file).file.instance(), View(api.file).file.instance());
}

TEST_F(Buses, TakeNoMemoryButForTheirHeader) {
  const RoomBuses::Descriptors web = buses.descriptors("web").value();
  struct stat found {};
  ASSERT_EQ(::fstat(web.file, &found), 0);
  EXPECT_LE(found.st_blocks * 512, 4096);
  EXPECT_EQ(static_cast<uint64_t>(found.st_size), BusFile::file_bytes(Statistics::seats()));
}

TEST_F(Buses, GoOnInTheNextSupervisor) {
  const RoomBuses::Descriptors kept = buses.descriptors("web").value();
  const View view(kept.file);
  view.file.set_present(3, true);
  view.file.set_present(4, true);
  RoomBuses next(store);
  ASSERT_TRUE(next.adopt("web", UniqueFd(::dup(kept.file)), UniqueFd(::dup(kept.bell))).ok());
  const View same(next.descriptors("web").value().file);
  EXPECT_EQ(same.file.instance(), view.file.instance());
  next.leave_all_but("web", {4});
  EXPECT_FALSE(view.file.is_present(3));
  EXPECT_TRUE(view.file.is_present(4));
  next.leave("web", 4);
  next.leave("unknown", 4);
  EXPECT_FALSE(view.file.is_present(4));
}

TEST_F(Buses, AreNotAdoptedByHalves) {
  const RoomBuses::Descriptors kept = buses.descriptors("web").value();
  RoomBuses next(store);
  EXPECT_FALSE(next.adopt("web", UniqueFd(::dup(kept.file)), {}).ok());
  EXPECT_FALSE(next.adopt("web", {}, UniqueFd(::dup(kept.bell))).ok());
  const UniqueFd other = sys::create_memory_file("other", 16 << 20).value();
  EXPECT_FALSE(next.adopt("web", UniqueFd(::dup(other.get())), UniqueFd(::dup(kept.bell))).ok());
  EXPECT_NE(View(next.descriptors("web").value().file).file.instance(),
            View(kept.file).file.instance());
}

}  // namespace
}  // namespace sockherd::supervisor
