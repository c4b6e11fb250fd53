#include "daemon/supervisor/worker_groups.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

// A folder that looks like a mounted hierarchy, with files in place of the kernel.
class GroupsTest : public testing::Test {
 protected:
  GroupsTest() {
    file("cgroup.controllers", "memory cpu\n");
    std::filesystem::create_directories(path("unit/leaf"));
    file("unit/cgroup.subtree_control", "");
  }
  std::string path(const std::string& name) const { return directory_.path(name); }
  void file(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  std::string text(const std::string& name) const {
    std::ifstream stream(path(name));
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  // What the kernel puts into a new group.
  void fill(const std::string& name) const {
    std::filesystem::create_directories(path(name));
    for (const char* one : {"cgroup.procs", "cgroup.kill", "memory.max", "cpu.weight"}) {
      file(name + "/" + one, "");
    }
  }
  std::optional<sys::Delegation> find(const std::string& proc) const {
    return sys::find_delegation(proc, directory_.path("."));
  }
  WorkerGroups groups(bool in_a_leaf) const {
    return WorkerGroups(sys::Delegation{path("unit"), in_a_leaf});
  }

  worker::TemporaryDirectory directory_;
};

TEST_F(GroupsTest, ADelegatedGroupIsFoundByItsMark) {
  EXPECT_FALSE(find("0::/unit\n")) << "nobody has delegated it";
  ASSERT_EQ(::setxattr(path("unit").c_str(), "user.delegate", "1", 1, 0), 0);
  const auto own = find("4:memory:/x\n0::/unit\n");
  ASSERT_TRUE(own);
  EXPECT_FALSE(own->is_in_a_leaf);
  const auto leaf = find("0::/unit/leaf\n");
  ASSERT_TRUE(leaf);
  EXPECT_TRUE(leaf->is_in_a_leaf);
  EXPECT_EQ(leaf->path, own->path);
  EXPECT_FALSE(find("4:memory:/unit\n")) << "of version 1";
  EXPECT_FALSE(find(""));
}

TEST_F(GroupsTest, AWorkerEntersAGroupOfItsOwnWithItsLimits) {
  WorkerGroups all = groups(true);
  EXPECT_EQ(text("unit/cgroup.subtree_control"), "+cpuory") << "+memory, and +cpu over it";
  fill("unit/worker.7");
  const UniqueFd members = all.create(7, {.name = "api", .memory_max = 1 << 20, .cpu_weight = 50});
  ASSERT_TRUE(members);
  EXPECT_EQ(::write(members.get(), "0", 1), 1);
  EXPECT_EQ(text("unit/worker.7/cgroup.procs"), "0");
  EXPECT_EQ(text("unit/worker.7/memory.max"), "1048576");
  EXPECT_EQ(text("unit/worker.7/cpu.weight"), "50");
}

// Where the manager starts our successor in the delegated group itself, nothing may be switched on
// there.
TEST_F(GroupsTest, WithoutALeafNothingIsSwitchedOn) {
  WorkerGroups all = groups(false);
  fill("unit/worker.7");
  EXPECT_TRUE(all.create(7, {.name = "api", .memory_max = 1 << 20}));
  EXPECT_EQ(text("unit/cgroup.subtree_control"), "");
  EXPECT_EQ(text("unit/worker.7/memory.max"), "");
}

TEST_F(GroupsTest, UsageIsWhatTheKernelCounts) {
  WorkerGroups all = groups(true);
  EXPECT_FALSE(all.usage(7));
  fill("unit/worker.7");
  ASSERT_TRUE(all.create(7, {.name = "api"}));
  EXPECT_FALSE(all.usage(7)->memory_bytes);
  file("unit/worker.7/memory.current", "4096\n");
  file("unit/worker.7/cpu.stat", "usage_usec 1234\nuser_usec 1000\n");
  EXPECT_EQ(all.usage(7)->memory_bytes, 4096U);
  EXPECT_EQ(all.usage(7)->cpu_usec, 1234U);
}

TEST_F(GroupsTest, WhatAWorkerLeavesBehindMayFinishAndThenEndsWithItsGroup) {
  WorkerGroups all = groups(false);
  fill("unit/worker.7");
  ASSERT_TRUE(all.create(7, {.name = "api"}));
  const Instant end{std::chrono::seconds(100)};
  all.remove(7, end);
  all.sweep(Instant{std::chrono::seconds(99)});
  EXPECT_EQ(text("unit/worker.7/cgroup.kill"), "") << "it finishes what it has";
  all.sweep(end);
  EXPECT_EQ(text("unit/worker.7/cgroup.kill"), "1");
  EXPECT_TRUE(std::filesystem::exists(path("unit/worker.7"))) << "not empty yet";
  for (const auto& entry : std::filesystem::directory_iterator(path("unit/worker.7"))) {
    std::filesystem::remove(entry);
  }
  all.sweep(end);
  EXPECT_FALSE(std::filesystem::exists(path("unit/worker.7")));
}

TEST_F(GroupsTest, ASuccessorFindsTheGroupOfAWorker) {
  fill("unit/worker.7");
  WorkerGroups all = groups(false);
  all.adopt(7);
  all.adopt(8);
  EXPECT_TRUE(all.usage(7));
  EXPECT_FALSE(all.usage(8)) << "started without one";
}

TEST_F(GroupsTest, ASuccessorEndsWhatEndedWorkersHadLeftBehind) {
  for (const char* name : {"7", "8", "12", "x", "12345678901234567890"}) {
    fill(std::string("unit/worker.") + name);
  }
  WorkerGroups all = groups(false);
  all.adopt(7);
  const Instant end{std::chrono::seconds(100)};
  EXPECT_EQ(all.adopt_rest(end), 12U);
  all.sweep(Instant{std::chrono::seconds(99)});
  EXPECT_EQ(text("unit/worker.8/cgroup.kill"), "") << "it finishes what it has";
  all.sweep(end);
  EXPECT_EQ(text("unit/worker.8/cgroup.kill"), "1");
  EXPECT_EQ(text("unit/worker.12/cgroup.kill"), "1");
  EXPECT_EQ(text("unit/worker.7/cgroup.kill"), "") << "its worker lives";
  EXPECT_EQ(text("unit/worker.x/cgroup.kill"), "") << "not ours";
  EXPECT_EQ(all.adopt_rest(end), 0U);
}

TEST(WorkerGroups, NothingHappensWhereNothingIsDelegated) {
  WorkerGroups none{std::nullopt};
  EXPECT_FALSE(none.create(1, {.name = "api", .memory_max = 1}));
  none.adopt(1);
  EXPECT_EQ(none.adopt_rest({}), 0U);
  none.remove(1, {});
  none.sweep({});
  EXPECT_FALSE(none.usage(1));
}

}  // namespace
}  // namespace sockherd::supervisor
