#include "daemon/sys/process_usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace sockherd::sys {
namespace {

TEST(ProcessUsage, IsReadBehindWhateverNameAProcessHas) {
  const auto usage = parse_process_stat(
      "812 (a) b) S 1 812 812 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 999 1000000 25 "
      "18446744073709551615 1 1\n",
      100, 4096);
  ASSERT_TRUE(usage);
  EXPECT_DOUBLE_EQ(usage->cpu_seconds, 2.0);
  EXPECT_EQ(usage->memory_bytes, 25U * 4096);
}

TEST(ProcessUsage, NothingComesOfWhatIsCutOff) {
  EXPECT_FALSE(parse_process_stat("", 100, 4096));
  EXPECT_FALSE(parse_process_stat("812 (a) S 1 812", 100, 4096));
}

TEST(ProcessUsage, OfALivingProcess) {
  const auto usage = process_usage(::getpid());
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->memory_bytes, 0U);
  EXPECT_FALSE(process_usage(1 << 30));
}

}  // namespace
}  // namespace sockherd::sys
