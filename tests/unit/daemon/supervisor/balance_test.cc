#include "daemon/supervisor/balance.h"

#include <gmock/gmock.h>

#include <chrono>
#include <numeric>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/sys/steering.h"
#include "tests/unit/daemon/sys/group.h"

namespace sockherd::supervisor {
namespace {

using sys::make_group;
using sys::shares_of;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;

// What the kernel allows here: without CAP_BPF the same must hold, but for the even shares.
bool may_load() {
  static const bool may = sys::Balancer::create().ok();
  return may;
}

class BalanceTest : public testing::Test {
 protected:
  void use(const std::string& mode) {
    balance_.prepare(mode);
    balance_.want(mode);
  }
  void steer(const std::vector<uint32_t>& slots) {
    const auto steered = balance_.steer(group_, slots, group_.size());
    ASSERT_TRUE(steered.ok()) << steered.error().what;
  }
  std::vector<uint32_t> all() const {
    std::vector<uint32_t> slots(group_.size());
    std::iota(slots.begin(), slots.end(), 0U);
    return slots;
  }

  std::vector<UniqueFd> group_ = make_group(4);
  FdStore store_;
  Balance balance_{store_, "web"};
};

TEST_F(BalanceTest, LeastConnectionsIsInForceWhereItCanBe) {
  const uint64_t said = log::count(log::Level::Notice);
  use("least-connections");
  steer(all());
  EXPECT_EQ(balance_.wanted(), "least-connections");
  if (may_load()) {
    EXPECT_EQ(balance_.in_force(), "least-connections");
    EXPECT_EQ(balance_.reason(), "");
    EXPECT_GE(balance_.loads_fd(), 0);
    EXPECT_THAT(shares_of(group_, 64), Each(16));
  } else {
    EXPECT_EQ(balance_.in_force(), "hash");
    EXPECT_THAT(balance_.reason(), HasSubstr("CAP_BPF"));
    EXPECT_EQ(balance_.loads_fd(), -1);
    EXPECT_THAT(shares_of(group_, 400), Each(Gt(0)));
    use("least-connections");
    EXPECT_EQ(log::count(log::Level::Notice), said + 1) << "once";
  }
}

TEST_F(BalanceTest, EveryModeGivesConnectionsToServedSlotsOnly) {
  for (const char* mode : {"least-connections", "hash", "cpu", "least-connections"}) {
    use(mode);
    steer({1, 3});
    const std::vector<int> shares = shares_of(group_, 40);
    EXPECT_EQ(shares[0] + shares[2], 0) << mode;
    steer({2});
    EXPECT_THAT(shares_of(group_, 10), ElementsAre(0, 0, 10, 0)) << mode;
  }
}

TEST_F(BalanceTest, PreparingChangesNothingUntilItIsWanted) {
  use("hash");
  steer({0});
  balance_.prepare("least-connections");
  EXPECT_EQ(balance_.loads_fd() >= 0, may_load()) << "for the workers to be started with";
  EXPECT_EQ(balance_.in_force(), "hash");
  EXPECT_THAT(shares_of(group_, 10), ElementsAre(10, 0, 0, 0));
  EXPECT_FALSE(balance_.want("hash"));
  EXPECT_TRUE(balance_.want("least-connections"));
}

TEST_F(BalanceTest, AJoiningSocketIsMaskedInEveryMode) {
  for (const char* mode : {"hash", "cpu", "least-connections"}) {
    use(mode);
    const std::vector<uint32_t> served = all();
    const auto masked = balance_.steer(group_, served, group_.size() + 1);
    ASSERT_TRUE(masked.ok()) << masked.error().what;
    auto clone = sys::clone_listener(group_.front().get());
    ASSERT_TRUE(clone.ok()) << clone.error().what;
    group_.push_back(std::move(clone).value());
    EXPECT_EQ(shares_of(group_, 100).back(), 0) << mode;
  }
}

TEST_F(BalanceTest, ASlotThatIsServedAgainBeginsWithNothingOpen) {
  use("least-connections");
  if (!may_load()) {
    EXPECT_EQ(balance_.loads_fd(), -1);
    GTEST_SKIP() << "no CAP_BPF";
  }
  steer(all());
  const auto table = std::move(sys::LoadTable::map(balance_.loads_fd())).value();
  table.slots()[2].open.store(1000);  // its worker was killed
  steer({0, 1, 3});
  steer(all());
  EXPECT_THAT(shares_of(group_, 40), Each(10));
}

TEST_F(BalanceTest, TriesAgainWhenAForeignProgramHoldsTheSockets) {
  use("least-connections");
  if (!may_load()) {
    EXPECT_FALSE(balance_.is_retry_due());
    GTEST_SKIP() << "no CAP_BPF";
  }
  {
    auto predecessor = std::move(sys::Balancer::create()).value();
    for (const uint32_t slot : all()) {
      ASSERT_TRUE(predecessor.add(slot, group_[slot].get()).ok());
    }
    predecessor.serve(all());
    ASSERT_TRUE(predecessor.attach(group_.front().get()).ok());
  }
  steer({1, 2});
  EXPECT_EQ(balance_.in_force(), "hash");
  EXPECT_THAT(balance_.reason(), HasSubstr("predecessor"));
  const std::vector<int> shares = shares_of(group_, 40);
  EXPECT_EQ(shares[0] + shares[3], 0) << "masked all the same";
  const Instant deadline = monotonic_now() + std::chrono::seconds(30);  // 16 ms on an idle machine
  while (balance_.is_retry_due() && monotonic_now() < deadline) {
    ::poll(nullptr, 0, 5);  // as the supervisor's timer
    steer({1, 2});
  }
  EXPECT_EQ(balance_.in_force(), "least-connections");
  EXPECT_EQ(balance_.reason(), "");
  EXPECT_THAT(shares_of(group_, 40), ElementsAre(0, 20, 20, 0));
}

TEST_F(BalanceTest, SettlesOnWhatReallyWaits) {
  use("least-connections");
  if (!may_load()) {
    balance_.settle(group_, sys::address_of(group_[0]).port());
    GTEST_SKIP() << "no CAP_BPF";
  }
  steer(all());
  const auto table = std::move(sys::LoadTable::map(balance_.loads_fd())).value();
  const UniqueFd waiting = sys::connect_to(sys::address_of(group_[0]));
  for (const uint32_t slot : all()) table.slots()[slot].assigned.fetch_add(100 * slot);
  balance_.settle(group_, sys::address_of(group_[0]).port());
  int64_t under_way = 0;
  for (const uint32_t slot : all()) under_way += table.slots()[slot].under_way();
  EXPECT_EQ(under_way, 1);
}

}  // namespace
}  // namespace sockherd::supervisor
