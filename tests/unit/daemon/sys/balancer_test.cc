#include "daemon/sys/balancer.h"

#include <gmock/gmock.h>
#include <linux/capability.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <random>

#include "daemon/base/clock.h"
#include "daemon/sys/steering.h"
#include "tests/unit/daemon/sys/group.h"

namespace sockherd::sys {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::Le;
using testing::StartsWith;

constexpr uint64_t bit(int capability) {
  return uint64_t{1} << capability;
}

bool set_capabilities(uint64_t set) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].permitted = data[half].effective = static_cast<uint32_t>(set >> (32 * half));
  }
  return ::syscall(SYS_capset, &header, data) == 0;
}

bool has_capability(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  EXPECT_EQ(::syscall(SYS_capget, &header, data), 0);
  return (data[capability / 32].effective >> (capability % 32) & 1) != 0;
}

// What the kernel asks for: CAP_BPF, and in the first user namespace.
bool may_load() {
  std::ifstream map("/proc/self/uid_map");
  uint64_t inside = 1;
  uint64_t outside = 1;
  uint64_t count = 0;
  map >> inside >> outside >> count;
  const bool is_first_namespace = inside == 0 && outside == 0 && count == UINT32_MAX;
  return is_first_namespace && (has_capability(CAP_BPF) || has_capability(CAP_SYS_ADMIN));
}

std::string outcome_of(const Result<Balancer>& balancer) {
  return balancer.ok() ? "loaded" : std::to_string(balancer.error().code) + balancer.error().what;
}

// What is said without the capability, and that nothing else is.
void expect_refusal(const Result<Balancer>& balancer) {
  EXPECT_THAT(outcome_of(balancer),
              AllOf(StartsWith(std::to_string(EPERM) + "load the eBPF program: "),
                    HasSubstr("AmbientCapabilities=CAP_BPF"), HasSubstr("SystemCallFilter=bpf")));
}

// As somebody with these capabilities only: what the body says.
std::string with_capabilities(uint64_t set, const std::function<std::string()>& body) {
  return as_user(::geteuid(), [set, &body] {
    return set_capabilities(set) ? body() : std::string("can not have these capabilities");
  });
}

TEST(BalancerPrivilege, CapBpfAloneIsEnough) {
  if (!may_load()) return expect_refusal(Balancer::create());
  const std::vector<UniqueFd> group = make_group(2);
  const std::string said = with_capabilities(bit(CAP_BPF), [&group]() -> std::string {
    auto balancer = Balancer::create();
    if (!balancer.ok()) return balancer.error().what;
    if (auto added = balancer->add(0, group[0].get()); !added) return added.error().what;
    const auto attached = balancer->attach(group[0].get());
    return attached.ok() ? "attached" : attached.error().what;
  });
  EXPECT_EQ(said, "attached");
}

TEST(BalancerPrivilege, WithoutItTheMessageSaysWhatToChange) {
  if (!may_load()) return expect_refusal(Balancer::create());
  const uint64_t others = bit(CAP_NET_ADMIN) | bit(CAP_CHOWN);
  EXPECT_THAT(with_capabilities(others, [] { return outcome_of(Balancer::create()); }),
              AllOf(StartsWith(std::to_string(EPERM)), HasSubstr("it needs CAP_BPF")));
}

// A group with a balancer on it, all slots served. Without CAP_BPF there is none, and each test
// is skipped by BALANCED(), which has made sure that exactly this was said.
class BalancerGroup : public testing::Test {
 protected:
  void balance(size_t members) {
    group_ = make_group(members);
    auto made = Balancer::create();
    if (!may_load()) return expect_refusal(made);
    ASSERT_TRUE(made.ok()) << made.error().what;
    balancer_ = std::make_unique<Balancer>(std::move(made).value());
    add_all();
    serve_all();
    attach();
  }

  void add_all() {
    for (uint32_t slot = 0; slot < group_.size(); ++slot) {
      const auto added = balancer_->add(slot, group_[slot].get());
      ASSERT_TRUE(added.ok()) << added.error().what;
    }
  }

  void serve_all() {
    std::vector<uint32_t> all(group_.size());
    std::iota(all.begin(), all.end(), 0U);
    balancer_->serve(all);
  }

  void attach() {
    const auto attached = balancer_->attach(group_.front().get());
    ASSERT_TRUE(attached.ok()) << attached.error().what;
  }

  SlotLoad& load(uint32_t slot) { return balancer_->loads()[slot]; }

  // The tables, as the service manager keeps them.
  std::map<uint32_t, UniqueFd> kept() {
    std::map<uint32_t, UniqueFd> all;
    for (const int fd : balancer_->stored()) {
      all[static_cast<uint32_t>(all.size())] = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    }
    return all;
  }

  std::vector<UniqueFd> group_;
  std::unique_ptr<Balancer> balancer_;
};

#define BALANCED(members) \
  balance(members);       \
  if (balancer_ == nullptr) GTEST_SKIP() << "no CAP_BPF"

double max_to_mean(const std::vector<int>& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  return *std::max_element(shares.begin(), shares.end()) /
         (sum / static_cast<double>(shares.size()));
}

TEST_F(BalancerGroup, SpreadsABurstExactlyOverFewSlots) {
  BALANCED(4);
  EXPECT_THAT(shares_of(group_, 64), Each(16));
}

TEST_F(BalancerGroup, SpreadsABurstEvenlyOverManySlots) {
  BALANCED(32);
  EXPECT_LE(max_to_mean(shares_of(group_, 32 * 16)), 1.13);  // 18 of 16
}

// Workers as they are: they accept, publish, and connections end after a random time.
TEST_F(BalancerGroup, StaysEvenWhileConnectionsComeAndGo) {
  BALANCED(4);
  std::mt19937 random(1);
  std::vector<std::pair<UniqueFd, uint32_t>> open;  // with its slot
  std::vector<int> shares(4);
  std::vector<UniqueFd> clients;
  double sum_of_ratios = 0;
  constexpr int kRounds = 400;
  for (int round = -256; round < kRounds; ++round) {
    if (round >= 0) {  // one of the 256 ends, and another one comes
      const size_t victim = random() % open.size();
      std::swap(open[victim], open.back());
      const uint32_t slot = open.back().second;
      load(slot).open.store(static_cast<uint64_t>(--shares[slot]));
      open.pop_back();
    }
    clients.push_back(connect_to(address_of(group_.front())));
    for (uint32_t slot = 0; slot < 4; ++slot) {
      while (UniqueFd connection = accept_one(group_[slot])) {
        open.emplace_back(std::move(connection), slot);
        load(slot).open.store(static_cast<uint64_t>(++shares[slot]));
        load(slot).accepted.fetch_add(1);
      }
    }
    if (round >= 0) sum_of_ratios += max_to_mean(shares);
  }
  EXPECT_LE(sum_of_ratios / kRounds, 1.07);
  EXPECT_LE(max_to_mean(shares), 1.07);
  for (uint32_t slot = 0; slot < 4; ++slot) EXPECT_EQ(load(slot).under_way(), 0);
}

TEST_F(BalancerGroup, SlotsOfEqualLoadTakeTurns) {
  BALANCED(4);
  std::vector<int> shares(4);
  for (int i = 0; i < 100; ++i) {
    const UniqueFd client = connect_to(address_of(group_.front()));
    for (uint32_t slot = 0; slot < 4; ++slot) {
      const int accepted = accept_all(group_[slot]);
      shares[slot] += accepted;
      load(slot).accepted.fetch_add(static_cast<uint64_t>(accepted));
    }
  }
  EXPECT_THAT(shares, Each(Gt(5)));
}

TEST_F(BalancerGroup, ABusyWorkerGetsNothingUntilTheOthersAreAsBusy) {
  BALANCED(4);
  load(2).open.store(10);
  EXPECT_THAT(shares_of(group_, 30), ElementsAre(10, 10, 0, 10));
}

TEST_F(BalancerGroup, GivesNothingToASlotThatIsNotServed) {
  BALANCED(4);
  for (uint32_t round = 0; round < 40; ++round) {  // ten times round the lists
    const std::vector<uint32_t> served = {round % 4, (round + 1) % 4};
    for (const uint32_t slot : served) load(slot).open.store(1000);  // and be it the least loaded
    balancer_->serve(served);
    const std::vector<int> shares = shares_of(group_, 6);
    EXPECT_EQ(shares[(round + 2) % 4] + shares[(round + 3) % 4], 0) << "round " << round;
    for (uint32_t slot = 0; slot < 4; ++slot) load(slot).open.store(0);
  }
}

TEST_F(BalancerGroup, AllMembersGetConnectionsWhenNoneIsServed) {
  BALANCED(4);
  balancer_->serve({});
  EXPECT_THAT(shares_of(group_, 400), Each(Gt(50)));
}

TEST_F(BalancerGroup, ASlotWithoutASocketFallsBackToTheHash) {
  BALANCED(4);
  balancer_->serve(std::vector<uint32_t>{9});
  EXPECT_THAT(shares_of(group_, 100), Each(Gt(0)));
  EXPECT_EQ(load(9).assigned.load(), 0U);
}

TEST_F(BalancerGroup, TakesTheGroupOverFromASteeringProgramAndGivesItBack) {
  BALANCED(4);
  ASSERT_TRUE(steer_to(group_[1].get(), std::vector<uint32_t>{2}).ok());
  EXPECT_THAT(shares_of(group_, 20), ElementsAre(0, 0, 20, 0));
  attach();
  EXPECT_THAT(shares_of(group_, 20), Each(5));
}

TEST_F(BalancerGroup, ASuccessorAdoptsTheTablesAndNothingChanges) {
  BALANCED(4);
  balancer_->serve(std::vector<uint32_t>{1, 2});
  load(1).open.store(7);
  std::map<uint32_t, UniqueFd> stored = kept();
  balancer_.reset();
  EXPECT_THAT(shares_of(group_, 3), ElementsAre(0, 0, 3, 0)) << "it goes on without anybody";

  auto adopted = Balancer::adopt(std::move(stored));
  ASSERT_TRUE(adopted.ok()) << adopted.error().what;
  balancer_ = std::make_unique<Balancer>(std::move(adopted).value());
  EXPECT_EQ(load(1).open.load(), 7U);
  EXPECT_EQ(load(2).assigned.load(), 3U);
  add_all();
  attach();
  EXPECT_THAT(shares_of(group_, 4), ElementsAre(0, 0, 4, 0));
  serve_all();
  EXPECT_THAT(shares_of(group_, 14), ElementsAre(7, 0, 0, 7));
}

TEST_F(BalancerGroup, ASuccessorAdoptsNoOtherTables) {
  BALANCED(1);
  std::map<uint32_t, UniqueFd> two = kept();
  two.erase(2);
  EXPECT_EQ(outcome_of(Balancer::adopt(std::move(two))), "0eBPF table served is missing");
  std::map<uint32_t, UniqueFd> swapped = kept();
  std::swap(swapped[1], swapped[2]);
  EXPECT_EQ(outcome_of(Balancer::adopt(std::move(swapped))),
            "0eBPF table loads: it is of another layout");
  std::map<uint32_t, UniqueFd> socket = kept();
  socket[0] = UniqueFd(::fcntl(group_[0].get(), F_DUPFD_CLOEXEC, 0));
  EXPECT_THAT(outcome_of(Balancer::adopt(std::move(socket))), HasSubstr("eBPF table sockets: "));
}

TEST_F(BalancerGroup, ASocketMovesToAnotherSlot) {
  BALANCED(4);
  ASSERT_TRUE(balancer_->add(7, group_[0].get()).ok());
  balancer_->serve(std::vector<uint32_t>{7});
  EXPECT_THAT(shares_of(group_, 5), ElementsAre(5, 0, 0, 0));
  balancer_->serve(std::vector<uint32_t>{0});
  EXPECT_THAT(shares_of(group_, 100), Each(Gt(0))) << "it is not at its old slot any more";
}

TEST_F(BalancerGroup, TheSocketsOfALostPredecessorAreFreedByDetachingItsProgram) {
  BALANCED(2);
  balancer_.reset();  // the program holds its tables, and nobody else does
  auto made = Balancer::create();
  ASSERT_TRUE(made.ok()) << made.error().what;
  const auto added = made->add(0, group_[0].get());
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, EBUSY);
  EXPECT_THAT(added.error().what, HasSubstr("predecessor"));

  ASSERT_TRUE(stop_steering(group_[0].get()).ok());
  // 16 ms, measured on an idle machine; the kernel does it when it has nothing else to do.
  const Instant deadline = monotonic_now() + std::chrono::seconds(30);
  bool is_added = false;
  while (!(is_added = made->add(0, group_[0].get()).ok()) && monotonic_now() < deadline) {
    ::poll(nullptr, 0, 5);  // as the caller's timer
  }
  EXPECT_TRUE(is_added);
}

TEST_F(BalancerGroup, SaysWhenASocketCanNotBeAdded) {
  BALANCED(1);
  const UniqueFd idle(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto added = balancer_->add(0, idle.get());
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, EINVAL);
}

TEST_F(BalancerGroup, SettlesWhatNeverCameAndWhatCamePastTheProgram) {
  BALANCED(1);
  load(0).assigned.store(10);
  balancer_->settle(0, 10, {.queued = 2, .handshakes = 3});
  EXPECT_EQ(load(0).under_way(), 5) << "no more can be under way";
  balancer_->settle(0, 5, {.queued = 5, .handshakes = 0});
  balancer_->settle(0, 5, {.queued = 1, .handshakes = 9});
  EXPECT_EQ(load(0).under_way(), 5) << "that may be right";
  load(0).accepted.fetch_add(9);
  EXPECT_EQ(load(0).under_way(), -4);
  balancer_->settle(0, -4, {.queued = 1, .handshakes = 9});
  EXPECT_EQ(load(0).under_way(), 1) << "one waits";
}

// Read before: 3. Then one of them was accepted, so two wait.
TEST_F(BalancerGroup, SettlingTakesNoConnectionThatMovesOnForALostOne) {
  BALANCED(1);
  load(0).assigned.store(3);
  load(0).accepted.store(1);
  balancer_->settle(0, 3, {.queued = 2, .handshakes = 0});
  EXPECT_EQ(load(0).under_way(), 2);
  load(0).assigned.store(4);  // came after the queue was looked at
  balancer_->settle(0, 2, {.queued = 2, .handshakes = 0});
  EXPECT_EQ(load(0).under_way(), 3);
}

struct Segment {
  tcphdr tcp{};
  uint16_t checksum_over(uint32_t source, uint32_t target) const {
    struct {
      uint32_t source, target;
      uint8_t zero, protocol;
      uint16_t length;
      tcphdr tcp;
    } const covered{source, target, 0, IPPROTO_TCP, htons(sizeof tcp), tcp};
    uint16_t words[sizeof covered / 2];
    std::memcpy(words, &covered, sizeof covered);
    uint32_t sum = std::accumulate(std::begin(words), std::end(words), 0U);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
  }
};

// Such packets come to a listener from scanners, and from clients whose server has been killed.
TEST_F(BalancerGroup, APacketThatBeginsNothingIsNotCounted) {
  BALANCED(1);
  ASSERT_TRUE(has_capability(CAP_NET_RAW)) << "sends a raw packet: run it as root";
  const UniqueFd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
  sockaddr_in target{.sin_family = AF_INET};
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Segment segment;
  segment.tcp.source = htons(1);
  segment.tcp.dest = htons(address_of(group_[0]).port());
  segment.tcp.doff = 5;
  segment.tcp.ack = 1;
  segment.tcp.check = segment.checksum_over(target.sin_addr.s_addr, target.sin_addr.s_addr);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(::sendto(raw.get(), &segment.tcp, sizeof segment.tcp, 0,
                       reinterpret_cast<sockaddr*>(&target), sizeof target),
              static_cast<ssize_t>(sizeof segment.tcp));
  }
  EXPECT_EQ(shares_of(group_, 1), std::vector<int>{1});
  EXPECT_EQ(load(0).assigned.load(), 1U);
}

}  // namespace
}  // namespace sockherd::sys
