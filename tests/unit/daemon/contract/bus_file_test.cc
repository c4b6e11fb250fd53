#include "daemon/contract/bus_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace sockherd::contract {
namespace {

struct BusFiles : testing::Test {
  static constexpr uint32_t kSeats = 130;
  struct alignas(4096) Page {
    std::byte bytes[4096];
  };
  std::span<std::byte> memory() { return {pages_.front().bytes, pages_.size() * sizeof(Page)}; }

 private:
  std::vector<Page> pages_ = std::vector<Page>(BusFile::head_bytes(kSeats) / sizeof(Page));
};

TEST_F(BusFiles, AreWhatTheyWereMade) {
  BusFile::format(memory(), kSeats, {3, 4});
  EXPECT_EQ(BusFile::seats_of(memory()).value(), kSeats);
  const BusFile file = BusFile::attach(memory()).value();
  EXPECT_EQ(file.seats(), kSeats);
  EXPECT_EQ(file.instance(), (BusFile::Instance{3, 4}));
  auto* last = reinterpret_cast<std::byte*>(&file.control(kSeats - 1) + 1);
  EXPECT_LE(last, memory().data() + memory().size());
  EXPECT_EQ(BusFile::ring_offset(kSeats, 0), memory().size());
  EXPECT_EQ(BusFile::ring_offset(kSeats, kSeats), BusFile::file_bytes(kSeats));
}

TEST_F(BusFiles, OfOthersAreRefused) {
  EXPECT_FALSE(BusFile::attach(memory()).ok());
  BusFile::format(memory(), kSeats, {});
  EXPECT_FALSE(BusFile::attach(memory().first(100)).ok());
  EXPECT_FALSE(BusFile::attach(memory().first(8192)).ok());
  const uint32_t version = kBusVersion + 1;
  std::memcpy(memory().data() + sizeof(uint64_t), &version, sizeof version);
  EXPECT_EQ(BusFile::attach(memory()).error().what, "layout version 2, this program knows 1");
}

TEST_F(BusFiles, KnowWhetherAnybodyElseIsThere) {
  const BusFile file = BusFile::format(memory(), kSeats, {});
  EXPECT_FALSE(file.has_others(0));
  for (const uint32_t seat : {0U, 63U, 64U, 129U}) {
    file.set_present(seat, true);
    EXPECT_TRUE(file.is_present(seat));
    EXPECT_FALSE(file.has_others(seat));
    for (uint32_t other = 0; other < kSeats; ++other) {
      EXPECT_EQ(file.has_others(other), other != seat);
    }
    file.set_present(seat, false);
  }
  file.set_sender(64);
  EXPECT_TRUE(BusFile::is_set(file.senders(), 64));
  EXPECT_FALSE(BusFile::is_set(file.senders(), 65));
  EXPECT_FALSE(file.has_others(0));
}

}  // namespace
}  // namespace sockherd::contract
