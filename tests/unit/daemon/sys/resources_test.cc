#include "daemon/sys/resources.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {
namespace {

TEST(QuotaCpus, RoundsUpAndKnowsNoQuota) {
  const struct {
    const char* cpu_max;
    unsigned cpus;
  } cases[] = {
      {"max 100000", 0},    {"", 0},
      {"150000 100000", 2}, {"100000 100000", 1},
      {"1000 100000", 1},   {"200000 50000", 4},
      {"0 100000", 0},      {"100000 0", 0},
      {"100000", 0},        {"-1 100000", 0},
      {"x y", 0},           {"250000 100000\n", 3},
  };
  for (const auto& [cpu_max, cpus] : cases) EXPECT_EQ(quota_cpus(cpu_max), cpus) << cpu_max;
}

class QuotaAbove : public ::testing::Test {
 protected:
  void write(const std::string& group, std::string_view cpu_max) const {
    std::filesystem::create_directories(root_ + group);
    std::ofstream(root_ + group + "/cpu.max") << cpu_max;
  }
  void SetUp() override {
    std::ofstream(root_ + "/cgroup.controllers") << "cpu";
    write("/system.slice/sockherd.service/supervisor", "max 100000\n");
    write("/system.slice/sockherd.service", "max 100000\n");
    write("/system.slice", "max 100000\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  unsigned quota() const {
    return quota_above("1:name=systemd:/x\n0::/system.slice/sockherd.service/supervisor\n", root_);
  }

  std::string root_ = [] {
    std::string path = (std::filesystem::temp_directory_path() / "sockherd-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    return path;
  }();
};

TEST_F(QuotaAbove, IsNoneWhereNobodyHasOne) {
  EXPECT_EQ(quota(), 0U);
  EXPECT_EQ(quota_above("", root_), 0U);
  EXPECT_EQ(quota_above("0::/\n", root_), 0U);
  EXPECT_EQ(quota_above("0::/not/there\n", root_), 0U);
}

// Found in review: with DelegateSubgroup= the supervisor is in a group below the one of CPUQuota=.
TEST_F(QuotaAbove, IsTheLeastOfAllLevels) {
  write("/system.slice/sockherd.service", "200000 100000\n");
  EXPECT_EQ(quota(), 2U);
  write("/system.slice", "800000 100000\n");
  EXPECT_EQ(quota(), 2U);
  write("/system.slice", "150000 100000\n");
  EXPECT_EQ(quota(), 2U);
  write("/system.slice", "100000 100000\n");
  EXPECT_EQ(quota(), 1U) << "of a slice";
  write("/system.slice/sockherd.service/supervisor", "50000 100000\n");
  EXPECT_EQ(quota(), 1U);
}

TEST_F(QuotaAbove, IsSeenAtTheRootOfAContainer) {
  write("", "300000 100000\n");
  EXPECT_EQ(quota(), 3U);
}

TEST(UsableCpus, AreAtLeastOneAndNoMoreThanTheAffinityMask) {
  const unsigned all = usable_cpus();
  EXPECT_GE(all, 1U);
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_LE(all, static_cast<unsigned>(CPU_COUNT(&before)));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cpus(), 1U);
  ::sched_setaffinity(0, sizeof before, &before);
}

TEST(DescriptorLimit, IsRaisedToTheHardOneAndTellsTheSoftOneOfBefore) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto raised = raise_descriptor_limit();
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(raised.ok());
  EXPECT_EQ(raised.value().soft, 64U);
  EXPECT_EQ(raised.value().hard, before.rlim_max);
  EXPECT_EQ(now.rlim_cur, before.rlim_max);
}

}  // namespace
}  // namespace sockherd::sys
