#include "daemon/contract/upstream_file.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sockherd::contract {
namespace {

class UpstreamFileTest : public testing::Test {
 protected:
  UpstreamFileTest() : file_(UpstreamFile::format(memory())) {}

  std::span<std::byte> memory() { return std::as_writable_bytes(std::span(words_)); }

  // A worker that serves at an address of this many bytes.
  UpstreamFile::Tenant settle(uint32_t slot, const std::string& address = "address") {
    const auto place = file_.settle(slot, address, UpstreamState::Serving, 5);
    EXPECT_TRUE(place);
    return file_.tenant(*place);
  }

  // As the kernel gives it: zeroed, and at the beginning of a page.
  struct alignas(4096) Page {
    std::array<std::byte, 4096> bytes;
  };
  std::vector<Page> words_{UpstreamFile::kBytes / sizeof(Page) + 1};
  UpstreamFile file_;
};

TEST_F(UpstreamFileTest, SaysWhoIsThere) {
  settle(7, std::string(112, 'x'));
  const UpstreamFile other = UpstreamFile::attach(memory()).value();
  EXPECT_EQ(other.places(), 1U);
  const UpstreamFile::Tenant tenant = other.tenant(0);
  EXPECT_EQ(tenant.slot, 7U);
  EXPECT_EQ(tenant.address, std::string(112, 'x'));
  EXPECT_EQ(tenant.state, UpstreamState::Serving);
  EXPECT_EQ(tenant.serving_since, 5);
}

TEST_F(UpstreamFileTest, RefusesOtherMemory) {
  EXPECT_FALSE(UpstreamFile::attach(memory().first(4096)).ok());
  memory()[0] = std::byte{1};
  EXPECT_FALSE(UpstreamFile::attach(memory()).ok());
}

// Of the two writes of settle() that say "in work" and "done" only the first was made.
TEST_F(UpstreamFileTest, APlaceThatWasLeftInTheMiddleIsTakenAgain) {
  auto* place = reinterpret_cast<UpstreamPlace*>(memory().data() + UpstreamFile::kPlacesAt);
  place->tenant.fetch_add(1);
  const auto taken = file_.settle(4, "somebody", UpstreamState::Serving, 0);
  ASSERT_EQ(taken, 0U);
  EXPECT_EQ(file_.tenant(0).state, UpstreamState::Serving);
  EXPECT_EQ(file_.tenant(0).slot, 4U);
}

TEST_F(UpstreamFileTest, ClaimsUpToTheMost) {
  const auto one = settle(0);
  const uint32_t lane = *file_.join(100, 0);
  const uint32_t other = *file_.join(101, 0);
  EXPECT_TRUE(file_.claim(one.place, one.tenant, lane, 2));
  EXPECT_TRUE(file_.claim(one.place, one.tenant, other, 2));
  EXPECT_FALSE(file_.claim(one.place, one.tenant, lane, 2));
  EXPECT_TRUE(file_.claim(one.place, one.tenant, lane, 0));
  EXPECT_EQ(file_.in_flight(one.place), 3U);
  file_.release(one.place, lane);
  file_.release(one.place, lane);
  EXPECT_TRUE(file_.claim(one.place, one.tenant, lane, 2));
}

TEST_F(UpstreamFileTest, ClaimsNobodyWhoHasGone) {
  const auto one = settle(0);
  const uint32_t lane = *file_.join(100, 0);
  file_.set_state(one.place, UpstreamState::Leaving, 6);
  EXPECT_FALSE(file_.claim(one.place, one.tenant, lane, 0));
  file_.set_state(one.place, UpstreamState::Free, 6);
  const auto next = settle(0);
  EXPECT_EQ(next.place, one.place);
  EXPECT_FALSE(file_.claim(one.place, one.tenant, lane, 0));
  EXPECT_TRUE(file_.claim(next.place, next.tenant, lane, 0));
}

TEST_F(UpstreamFileTest, APlaceWithSomethingInFlightIsNotTakenAgain) {
  const auto one = settle(0);
  const uint32_t lane = *file_.join(100, 0);
  EXPECT_TRUE(file_.claim(one.place, one.tenant, lane, 0));
  file_.set_state(one.place, UpstreamState::Free, 6);
  EXPECT_NE(settle(0).place, one.place);
}

TEST_F(UpstreamFileTest, WhatADeadLaneHadIsForgotten) {
  const auto one = settle(0);
  const uint32_t dead = *file_.join(100, 0);
  const uint32_t alive = *file_.join(101, 0);
  EXPECT_TRUE(file_.claim(one.place, one.tenant, dead, 0));
  EXPECT_TRUE(file_.claim(one.place, one.tenant, alive, 0));
  file_.lane(dead).waiting.store(3);
  file_.forget_lanes_of(100);
  EXPECT_EQ(file_.in_flight(one.place), 1U);
  EXPECT_EQ(file_.waiting(), 0U);
  EXPECT_EQ(file_.join(102, 0), dead);
  const std::array<uint32_t, 1> living{102};
  file_.forget_lanes_but(living);
  EXPECT_EQ(file_.in_flight(one.place), 0U);
}

TEST_F(UpstreamFileTest, AllPlacesAndLanesCanBeTaken) {
  for (uint32_t i = 0; i < kUpstreamPlaces; ++i) settle(i);
  EXPECT_FALSE(file_.settle(0, "address", UpstreamState::Serving, 0));
  for (uint32_t i = 0; i < kUpstreamLanes; ++i) EXPECT_TRUE(file_.join(i + 1, 0));
  EXPECT_FALSE(file_.join(9999, 0));
}

// Under a thread sanitizer too.
TEST_F(UpstreamFileTest, NeverMoreThanTheMostTogether) {
  const auto one = settle(0);
  std::atomic<uint32_t> inside{0};
  std::atomic<uint32_t> most{0};
  const auto ask = [&](uint32_t process) {
    const uint32_t lane = *file_.join(process, 0);
    for (uint32_t i = 0; i < 20000; ++i) {
      if (!file_.claim(one.place, one.tenant, lane, 1)) continue;
      const uint32_t now = inside.fetch_add(1) + 1;
      uint32_t seen = most.load();
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      inside.fetch_sub(1);
      file_.release(one.place, lane);
    }
  };
  std::thread first(ask, 100);
  std::thread second(ask, 101);
  first.join();
  second.join();
  EXPECT_EQ(most.load(), 1U);
  EXPECT_EQ(file_.in_flight(one.place), 0U);
}

}  // namespace
}  // namespace sockherd::contract
