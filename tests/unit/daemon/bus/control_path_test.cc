#include "daemon/bus/control_path.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::bus {
namespace {

TEST(ControlPath, IsInTheNearestDirectoryThatIsSaid) {
  const struct {
    RuntimeEnvironment environment;
    const char* directory;
  } cases[] = {
      {{"", "", true}, "/run/sockherd"},
      {{"", "", false}, "/run/sockherd"},
      {{"", "/run/user/7", true}, "/run/sockherd"},  // root's is the machine's
      {{"", "/run/user/7", false}, "/run/user/7/sockherd"},
      {{"/run/a", "/run/user/7", false}, "/run/a"},
      {{"/run/a:/run/b", "", true}, "/run/a"},
  };
  for (const auto& [environment, directory] : cases) {
    EXPECT_EQ(runtime_directory(environment), directory);
  }
  EXPECT_EQ(control_path("/run/a"), "/run/a/control");
  EXPECT_EQ(control_path_of_instance("shop"), "/run/sockherd@shop/control");
}

// Found in review: a client appended its name to the list, and looked at /sockherd/control where
// XDG_RUNTIME_DIR was not set.
TEST(ControlPath, IsFoundByClients) {
  const worker::TemporaryDirectory user;
  EXPECT_EQ(control_path_for_client({"/run/a:/run/b", "", false}), "/run/a/control");
  EXPECT_EQ(control_path_for_client({"", "", false}), "/run/sockherd/control");
  EXPECT_EQ(control_path_for_client({"", user.path("."), false}), "/run/sockherd/control")
      << "this user has no daemon";
  user.write("sockherd/control", "");
  EXPECT_EQ(control_path_for_client({"", user.path("."), false}),
            user.path(".") + "/sockherd/control");
  EXPECT_EQ(control_path_for_client({"", user.path("."), true}), "/run/sockherd/control");
}

}  // namespace
}  // namespace sockherd::bus
