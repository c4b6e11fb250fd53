#include "daemon/worker/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace sockherd::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Refusal refusal_of(std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  auto taken = take_launch(pointers);
  const auto* refusal = std::get_if<Refusal>(&taken);
  EXPECT_NE(refusal, nullptr);
  return refusal == nullptr ? Refusal{} : *refusal;
}

TEST(Launch, ShowsHelpWithin80Columns) {
  const Refusal help = refusal_of({"--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.text, StartsWith("usage: sockherd-worker "));
  size_t column = 0;
  for (const char c : help.text) {
    column = c == '\n' ? 0 : column + 1;
    EXPECT_LE(column, 80u);
  }
  EXPECT_EQ(refusal_of({"-h"}).text, help.text);
  EXPECT_THAT(refusal_of({"--version"}).text, StartsWith("sockherd-worker "));
}

TEST(Launch, SaysInOneLineWhatIsMissing) {
  ASSERT_EQ(::unsetenv("LISTEN_PID"), 0);
  struct Case {
    std::vector<std::string> arguments;
    const char* pool;
    const char* complaint;
  };
  const std::vector<Case> cases = {
      {{"--frobnicate"}, "web", "unknown argument \"--frobnicate\""},
      {{"--set"}, "web", "--set needs KEY=VALUE"},
      {{"--set", "workers"}, "web", "--set needs KEY=VALUE"},
      {{"--set=workers"}, "web", "--set needs KEY=VALUE"},
      {{}, "", "SOCKHERD_POOL is not set"},
      {{"--set", "pool.web.workers=2"}, "web", "no descriptor named sockherd.config"},
  };
  for (const Case& each : cases) {
    ASSERT_EQ(::setenv("SOCKHERD_POOL", each.pool, 1), 0);
    const Refusal refusal = refusal_of(each.arguments);
    EXPECT_EQ(refusal.exit_status, kExitUsage);
    EXPECT_THAT(refusal.text, HasSubstr(each.complaint));
    EXPECT_EQ(std::count(refusal.text.begin(), refusal.text.end(), '\n'), 1);
  }
}

TEST(Launch, RefusesANumberThatIsNone) {
  ASSERT_EQ(::setenv("SOCKHERD_POOL", "web", 1), 0);
  ASSERT_EQ(::setenv("SOCKHERD_SLOT", "-1", 1), 0);
  EXPECT_THAT(refusal_of({}).text, HasSubstr("SOCKHERD_SLOT=-1 is not a number"));
  ASSERT_EQ(::unsetenv("SOCKHERD_SLOT"), 0);
}

}  // namespace
}  // namespace sockherd::worker
