#include "daemon/sys/free_port.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <optional>
#include <set>

namespace sockherd::sys {
namespace {

TEST(PortsBeside, AreNoneOfOutgoingConnectionsWhereThereAreOthers) {
  EXPECT_EQ(ports_beside({32768, 60999}), (PortRange{61000, 65535}));
  EXPECT_EQ(ports_beside({32768, 65535}), (PortRange{24576, 32767}));
  EXPECT_EQ(ports_beside({4000, 65000}), (PortRange{1024, 3999}));
  EXPECT_EQ(ports_beside({1024, 65535}), (PortRange{1024, 65535}));
}

// Where nobody else of this machine listens, as a rule; others are skipped.
constexpr PortRange kRange{29000, 29063};

TEST(FreePorts, GivesEachOneOnceWhileItIsClaimed) {
  FreePorts ports(kRange, 60);
  std::set<uint16_t> seen;
  std::vector<FreePorts::Port> taken;
  for (int i = 0; i < 32; ++i) {
    taken.push_back(ports.take().value());
    EXPECT_TRUE(seen.insert(taken.back().number).second);
    EXPECT_GE(taken.back().number, kRange.first);
    EXPECT_LE(taken.back().number, kRange.last);
  }
  // Of another supervisor.
  FreePorts others(kRange, 60);
  EXPECT_FALSE(seen.contains(others.take().value().number));
}

TEST(FreePorts, DoesNotGiveOneAgainAtOnce) {
  FreePorts ports(kRange, 0);
  const uint16_t first = ports.take().value().number;
  EXPECT_NE(ports.take().value().number, first);
}

TEST(FreePorts, SkipsWhatSomebodyHas) {
  FreePorts ports(kRange, 0);
  const uint16_t next = FreePorts(kRange, 0).take().value().number;
  const UniqueFd somebody(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(next);
  ASSERT_EQ(::bind(somebody.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_NE(ports.take().value().number, next);
}

// Found in review: without a descriptor to look, each one was free.
TEST(FreePorts, GivesNoneThatItCannotLookAt) {
  FreePorts ports(kRange, 0);
  const int lowest = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ::close(lowest);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  for (const rlim_t left : {rlim_t{0}, rlim_t{1}}) {  // none, and one for the claim
    const rlimit few{.rlim_cur = static_cast<rlim_t>(lowest) + left, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const auto taken = ports.take();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.error().code, EMFILE);
  }
}

TEST(FreePorts, SaysWhenAllAreTaken) {
  const uint16_t only = FreePorts(kRange, 0).take().value().number;
  FreePorts ports({only, only}, 0);
  const auto first = ports.take();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(ports.take().error().code, EADDRINUSE);
  EXPECT_FALSE(FreePorts::claim(only).ok());
}

}  // namespace
}  // namespace sockherd::sys
