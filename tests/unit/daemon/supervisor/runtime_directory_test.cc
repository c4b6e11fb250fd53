#include "daemon/supervisor/runtime_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

class RuntimeDirectoryTest : public testing::Test {
 protected:
  ~RuntimeDirectoryTest() override {
    ::unsetenv("RUNTIME_DIRECTORY");
    ::unsetenv("XDG_RUNTIME_DIR");
  }
};

TEST_F(RuntimeDirectoryTest, IsTheNearestThatIsSaid) {
  ::unsetenv("RUNTIME_DIRECTORY");
  ::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  REQUIRE_ROOT();
  EXPECT_EQ(runtime_directory({}), "/run/sockherd") << "root's is the machine's";
  EXPECT_EQ(sys::as_user(sys::kNobody, [] { return runtime_directory({}); }),
            "/run/user/7/sockherd");
  ::setenv("RUNTIME_DIRECTORY", "/run/a:/run/b", 1);
  EXPECT_EQ(runtime_directory({}), "/run/a");
  EXPECT_EQ(runtime_directory({.runtime_directory = "/run/c"}), "/run/c");
}

// Found by testing: in a terminal the default address was in a directory that nobody had made.
TEST_F(RuntimeDirectoryTest, TheDefaultAdminSocketIsInIt) {
  ::setenv("RUNTIME_DIRECTORY", "/run/a", 1);
  config::Config config;
  config.admin.address = {"unix:/run/sockherd/admin.sock", "127.0.0.1:9753"};
  follow_runtime_directory(config, true);
  EXPECT_EQ(config.admin.address[0], "unix:/run/sockherd/admin.sock") << "as it was said";
  follow_runtime_directory(config, false);
  EXPECT_EQ(config.admin.address[0], "unix:/run/a/admin.sock");
  EXPECT_EQ(config.admin.address[1], "127.0.0.1:9753");
}

TEST_F(RuntimeDirectoryTest, WhatDeadWorkersHaveLeftIsRemoved) {
  const worker::TemporaryDirectory directory;
  for (const char* name : {"notify.1", "notify.2", "notify.x", "notify.admin.1", "state"}) {
    directory.write(name, "");
  }
  for (const char* name : {"worker.1", "worker.2", "worker.3"}) {
    std::filesystem::create_directory(directory.path(name));
  }
  directory.write("worker.2/socket", "");
  directory.write("worker.3/theirs", "");
  remove_stale_files(directory.path(""), [](fleet::WorkerId id) { return id == 1; });
  for (const char* name :
       {"notify.1", "notify.x", "notify.admin.1", "state", "worker.1", "worker.3/theirs"}) {
    EXPECT_TRUE(std::filesystem::exists(directory.path(name))) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(directory.path("notify.2")));
  EXPECT_FALSE(std::filesystem::exists(directory.path("worker.2")));
}

}  // namespace
}  // namespace sockherd::supervisor
