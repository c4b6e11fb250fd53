#include "daemon/supervisor/upstreams.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "daemon/config/commands.h"

namespace sockherd::supervisor {
namespace {

using State = Upstreams::State;

constexpr Instant kNow{std::chrono::seconds(100)};

sys::SocketAddress address(const std::string& text) {
  return sys::SocketAddress::parse(text).value();
}

class UpstreamsTest : public testing::Test {
 protected:
  Upstreams::Place settle(uint32_t slot, int port) {
    auto place = upstreams_.settle("api", slot, address("127.0.0.1:" + std::to_string(port)), kNow);
    return place.value();
  }
  // As a lane of a worker sees it.
  contract::UpstreamFile file() const { return *upstreams_.file("api"); }

  FdStore store_;
  Upstreams upstreams_{store_};
};

TEST_F(UpstreamsTest, AWorkerHasAPlaceAsLongAsItLives) {
  const auto first = settle(0, 4001);
  const auto second = settle(1, 4002);
  EXPECT_NE(first.number, second.number);
  EXPECT_EQ(file().tenant(first.number).state, State::Starting);
  upstreams_.set_state(first, State::Serving, kNow);
  EXPECT_EQ(file().tenant(first.number).serving_since, kNow.since_boot.count());
  upstreams_.set_state(first, State::Free, kNow);
  EXPECT_FALSE(upstreams_.find("api", address("127.0.0.1:4001")));
  EXPECT_EQ(upstreams_.find("api", address("127.0.0.1:4002"))->number, second.number);
}

TEST_F(UpstreamsTest, IsQuietWhenNothingIsInFlight) {
  const auto place = settle(0, 4001);
  upstreams_.set_state(place, State::Serving, kNow);
  const uint32_t lane = *file().join(77, 0);
  ASSERT_TRUE(file().claim(place.number, file().tenant(place.number).tenant, lane, 0));
  upstreams_.set_state(place, State::Leaving, kNow);
  EXPECT_FALSE(upstreams_.is_quiet(place));
  file().release(place.number, lane);
  EXPECT_TRUE(upstreams_.is_quiet(place));
}

TEST_F(UpstreamsTest, WhatADeadLaneHadInFlightIsOver) {
  const auto place = settle(0, 4001);
  upstreams_.set_state(place, State::Serving, kNow);
  const uint32_t lane = *file().join(77, 0);
  ASSERT_TRUE(file().claim(place.number, file().tenant(place.number).tenant, lane, 0));
  upstreams_.forget_lanes_of(78);
  EXPECT_FALSE(upstreams_.is_quiet(place));
  upstreams_.forget_lanes_of(77);
  EXPECT_TRUE(upstreams_.is_quiet(place));
}

TEST_F(UpstreamsTest, OneThatBeginsToServeWakesThoseWhoWait) {
  const auto place = settle(0, 4001);
  const uint32_t lane = *file().join(77, 0);
  file().lane(lane).waiting.store(3);
  upstreams_.set_state(place, State::Serving, kNow);
  upstreams_.set_state(place, State::Serving, kNow);  // no news
  const int bell = upstreams_.descriptors("api").value().bell;
  uint64_t one = 0;
  int rung = 0;
  while (::read(bell, &one, sizeof one) == sizeof one) ++rung;
  EXPECT_EQ(rung, 3);
}

TEST_F(UpstreamsTest, ASuccessorFindsEverythingWhereItWas) {
  const auto kept = settle(0, 4001);
  const auto gone = settle(1, 4002);
  const Upstreams::Descriptors ours = upstreams_.descriptors("api").value();
  Upstreams successor(store_);
  ASSERT_TRUE(successor.adopt("api", UniqueFd(::dup(ours.file)), UniqueFd(::dup(ours.bell))).ok());
  EXPECT_EQ(successor.find("api", address("127.0.0.1:4001"))->number, kept.number);
  successor.free_all_but("api", {kept.number});
  EXPECT_EQ(file().tenant(gone.number).state, State::Free);
  EXPECT_EQ(file().tenant(kept.number).state, State::Starting);
  EXPECT_FALSE(successor.adopt("api", UniqueFd(::dup(ours.file)), {}).ok());
}

TEST_F(UpstreamsTest, CountsOfASlotOutliveItsWorkers) {
  const auto first = settle(3, 4001);
  file().place(first.number).requests.store(5);
  file().place(first.number).failed.store(1);
  upstreams_.set_state(first, State::Free, kNow);
  file().place(first.number).failed.fetch_add(1);  // who asked there has found out
  EXPECT_EQ(upstreams_.report("api", kNow).at(3).counts.requests, 5U);
  const auto second = settle(3, 4002);
  file().place(second.number).requests.store(2);
  const auto report = upstreams_.report("api", kNow).at(3);
  EXPECT_EQ(report.counts.requests, 7U);
  EXPECT_EQ(report.counts.failed, 2U);
}

TEST_F(UpstreamsTest, FixedAddressesAreAskedAtOnceAndSettleOnce) {
  config::Route route;
  route.proxy = {"127.0.0.1:4001", "unix:/run/x.sock"};
  ASSERT_TRUE(upstreams_.settle_fixed(route, kNow).ok());
  ASSERT_TRUE(upstreams_.settle_fixed(route, kNow).ok());
  const contract::UpstreamFile& layout = *upstreams_.file(config::upstream_key(route));
  ASSERT_EQ(layout.places(), 2U);
  for (uint32_t number : {0U, 1U}) {
    EXPECT_EQ(layout.tenant(number).state, State::Serving);
    EXPECT_EQ(layout.tenant(number).slot, number);
  }
  route.proxy = {"pool:api"};
  ASSERT_TRUE(upstreams_.settle_fixed(route, kNow).ok());
  EXPECT_EQ(upstreams_.file("api"), nullptr);
}

TEST_F(UpstreamsTest, WhatNobodyUsesIsForgotten) {
  const auto place = settle(0, 4001);
  upstreams_.keep_only({"api"});
  EXPECT_NE(upstreams_.file("api"), nullptr);
  upstreams_.keep_only({});
  EXPECT_EQ(upstreams_.file("api"), nullptr);
  EXPECT_TRUE(upstreams_.is_quiet(place));
}

}  // namespace
}  // namespace sockherd::supervisor
