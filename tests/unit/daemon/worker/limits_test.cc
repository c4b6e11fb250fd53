#include "daemon/worker/limits.h"

#include <gtest/gtest.h>

namespace sockherd::worker {
namespace {

TEST(Limits, LeaveADescriptorForEachRequestThatIsPassedOn) {
  const size_t alone = Limits::create({}, 4096, Limits::Proxies::None).max_connections;
  const Limits before = Limits::create({}, 4096, Limits::Proxies::Some);
  EXPECT_EQ(before.max_connections, alone / 2);
  EXPECT_LT(before.most_adopted, size_t{4096});
}

TEST(Limits, TakeTheNumberThatIsConfiguredWhereThereIsRoom) {
  config::Limits from;
  from.max_connections = 100;
  EXPECT_EQ(Limits::create(from, 4096, Limits::Proxies::Some).max_connections, size_t{100});
  from.max_connections = 4000;
  EXPECT_LT(Limits::create(from, 4096, Limits::Proxies::Some).max_connections, size_t{2048});
}

}  // namespace
}  // namespace sockherd::worker
