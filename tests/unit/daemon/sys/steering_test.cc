#include "daemon/sys/steering.h"

#include <gmock/gmock.h>
#include <sched.h>

#include <thread>

#include "tests/unit/daemon/sys/group.h"

namespace sockherd::sys {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Gt;

class Steering : public testing::Test {
 protected:
  void steer(const std::vector<uint32_t>& numbers, size_t by = 0) {
    const auto steered = steer_to(group_[by].get(), numbers);
    ASSERT_TRUE(steered.ok()) << steered.error().what;
  }

  std::vector<int> shares_of(int connections) { return sys::shares_of(group_, connections); }

  std::vector<UniqueFd> group_ = make_group(4);
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

// On loopback a SYN is received on the CPU that sends it.
TEST_F(Steering, ByCpuGivesAConnectionToTheMemberOfItsCpu) {
  const std::vector<uint32_t> numbers = {3, 1};
  const auto steered = steer_by_cpu(group_[0].get(), numbers);
  ASSERT_TRUE(steered.ok()) << steered.error().what;
  std::thread client([&] {  // a thread of its own, because the others stay where they are
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
      std::vector<int> expected(4);
      expected[numbers[cpu % numbers.size()]] = 20;
      EXPECT_EQ(shares_of(20), expected) << "from CPU " << cpu;
    }
  });
  client.join();
}

// A client whose port is known before it connects.
class AimedSteering : public testing::TestWithParam<const char*> {
 protected:
  AimedSteering() {
    auto first = bind_listener(parsed(GetParam()), Sharing::ReusePort, 128, 0);
    EXPECT_TRUE(first.ok()) << first.error().what;
    group_.push_back(std::move(first).value());
    while (group_.size() < 4) group_.push_back(clone_listener(group_.front().get()).value());
    for (const UniqueFd& member : group_) {
      EXPECT_EQ(::fcntl(member.get(), F_SETFL, O_NONBLOCK), 0);
    }
  }

  std::vector<UniqueFd> group_;
};

TEST_P(AimedSteering, OnePortGoesToOneMemberAndAllOthersToTheServedOnes) {
  const SocketAddress address = address_of(group_.front());
  for (uint32_t target = 0; target < 4; ++target) {
    const UniqueFd client(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    SocketAddress from = parsed(GetParam());
    ASSERT_EQ(::bind(client.get(), from.get(), from.size()), 0);
    const std::vector<uint32_t> served = {1, 3};
    const auto steered = steer_to_but(group_[0].get(), served,
                                      {.from = address_of(client).port(), .number = target});
    ASSERT_TRUE(steered.ok()) << steered.error().what;
    ASSERT_EQ(::connect(client.get(), address.get(), address.size()), 0);
    for (uint32_t i = 0; i < 4; ++i) {
      EXPECT_EQ(accept_all(group_[i]), i == target ? 1 : 0) << "aimed at " << target;
    }
    EXPECT_THAT(sys::shares_of(group_, 100), ElementsAre(0, Gt(0), 0, Gt(0)));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, AimedSteering, testing::Values("127.0.0.1:0", "[::1]:0"));

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
