#include "daemon/supervisor/dialects.h"

#include <gmock/gmock.h>

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::vector<PassedListener> kPassed = {
    {"127.0.0.1:80", 3}, {"[::]:8080", 4}, {"unix:/run/x.sock", 5}};

TEST(Dialects, NothingIsSaidUnasked) {
  EXPECT_THAT(dialect_variables({}, kPassed, 1), IsEmpty());
}

TEST(Dialects, ServerStarterHasAddressesAndDescriptorsInOneVariable) {
  EXPECT_THAT(dialect_variables({"server-starter"}, kPassed, 1),
              ElementsAre("SERVER_STARTER_PORT=127.0.0.1:80=3;[::]:8080=4;/run/x.sock=5"));
}

TEST(Dialects, EinhornCountsAndNamesEachDescriptor) {
  EXPECT_THAT(dialect_variables({"einhorn"}, kPassed, 77),
              UnorderedElementsAre("EINHORN_FDS=3 4 5", "EINHORN_FD_COUNT=3", "EINHORN_FD_0=3",
                                   "EINHORN_FD_1=4", "EINHORN_FD_2=5",
                                   "EINHORN_FD_FAMILY_0=AF_INET", "EINHORN_FD_FAMILY_1=AF_INET6",
                                   "EINHORN_FD_FAMILY_2=AF_UNIX", "EINHORN_MASTER_PID=77"));
}

TEST(Dialects, BothCanBeSpokenAtATime) {
  EXPECT_EQ(dialect_variables({"einhorn", "server-starter"}, {{"127.0.0.1:80", 3}}, 1).size(), 6U);
}

}  // namespace
}  // namespace sockherd::supervisor
