#include "daemon/sys/steering.h"

#include <gmock/gmock.h>

#include <thread>

#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Gt;

class Steering : public testing::Test {
 protected:
  void SetUp() override {
    auto first = bind_listener(parsed("127.0.0.1:0"), Sharing::ReusePort, 1024, 0);
    ASSERT_TRUE(first.ok()) << first.error().what;
    group_.push_back(std::move(first).value());
    while (group_.size() < 4) {
      auto clone = clone_listener(group_.front().get());
      ASSERT_TRUE(clone.ok()) << clone.error().what;
      group_.push_back(std::move(clone).value());
    }
  }

  void steer(const std::vector<uint32_t>& numbers, size_t by = 0) {
    const auto steered = steer_to(group_[by].get(), numbers);
    ASSERT_TRUE(steered.ok()) << steered.error().what;
  }

  // Connects so often, and answers how many connections each member got.
  std::vector<int> shares_of(int connections) {
    std::vector<UniqueFd> clients;
    for (int i = 0; i < connections; ++i) {
      clients.push_back(connect_to(address_of(group_.front())));
      EXPECT_TRUE(clients.back());
    }
    std::vector<int> shares;
    for (const UniqueFd& member : group_) shares.push_back(accept_all(member));
    EXPECT_EQ(shares[0] + shares[1] + shares[2] + shares[3], connections);
    return shares;
  }

  std::vector<UniqueFd> group_;
};

TEST_F(Steering, GivesConnectionsToTheServedMembersOnly) {
  steer({1, 3});
  EXPECT_THAT(shares_of(200), ElementsAre(0, Gt(0), 0, Gt(0)));
}

TEST_F(Steering, CanBeSetThroughAnyMember) {
  steer({2}, 3);
  EXPECT_THAT(shares_of(50), ElementsAre(0, 0, 50, 0));
  steer({0}, 1);
  EXPECT_THAT(shares_of(50), ElementsAre(50, 0, 0, 0));
}

TEST_F(Steering, SpreadsEvenly) {
  steer({0, 1, 2, 3});
  EXPECT_THAT(shares_of(800), Each(Gt(100)));  // 200 each, give or take 12
}

TEST_F(Steering, AllMembersGetConnectionsOnceItStops) {
  steer({1});
  ASSERT_TRUE(stop_steering(group_[2].get()).ok());
  EXPECT_THAT(shares_of(400), Each(Gt(0)));
}

TEST_F(Steering, MayStopWhereItNeverBegan) {
  EXPECT_TRUE(stop_steering(group_[0].get()).ok());
  EXPECT_TRUE(stop_steering(group_[0].get()).ok());
}

// Found in review: adopting a socket of a unit without ReusePort=yes failed with EINVAL.
TEST_F(Steering, StoppingIsNoErrorForASocketWithoutAGroup) {
  const UniqueFd plain(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(plain.get(), 1), 0);
  EXPECT_TRUE(stop_steering(plain.get()).ok());
  EXPECT_FALSE(steer_to(plain.get(), std::vector<uint32_t>{0}).ok());
  const auto stopped = stop_steering(-1);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, EBADF);
}

TEST_F(Steering, TakesAsManyMembersAsAPoolCanHave) {
  std::vector<uint32_t> numbers(1024);
  for (uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = i % 4;
  steer(numbers);
  EXPECT_THAT(shares_of(400), Each(Gt(0)));
}

TEST_F(Steering, LosesNothingWhenReplacedUnderARunningClient) {
  constexpr int kConnections = 2000;
  int connected = 0;
  int answered = 0;
  std::thread client([&] {
    for (int i = 0; i < kConnections; ++i) {
      const UniqueFd connection = connect_to(address_of(group_.front()));
      if (!connection) continue;
      ++connected;
      char byte = 0;
      if (wait_readable(connection.get()) && ::read(connection.get(), &byte, 1) == 1) ++answered;
    }
  });
  int accepted = 0;
  for (uint32_t round = 0; accepted < kConnections; ++round) {
    steer({round % 4, (round + 1) % 4});
    if (round % 8 == 0) {
      ASSERT_TRUE(stop_steering(group_.front().get()).ok());
    }
    pollfd waiting[4];
    for (size_t i = 0; i < 4; ++i) waiting[i] = {group_[i].get(), POLLIN, 0};
    ASSERT_GT(::poll(waiting, 4, 10'000), 0) << "a connection was lost";
    for (const UniqueFd& member : group_) {
      while (const UniqueFd connection = accept_one(member)) {
        ++accepted;
        EXPECT_EQ(::write(connection.get(), "x", 1), 1);
      }
    }
  }
  client.join();
  EXPECT_EQ(connected, kConnections);
  EXPECT_EQ(answered, kConnections);
}

}  // namespace
}  // namespace sockherd::sys
