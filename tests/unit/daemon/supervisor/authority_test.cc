#include "daemon/supervisor/authority.h"

#include <gmock/gmock.h>

namespace sockherd::supervisor {
namespace {

using testing::HasSubstr;

constexpr char kAction[] = "io.sockherd.Sockherd1.scale";

TEST(Authority, RootAndOurOwnUserNeedNoPolkit) {
  EXPECT_TRUE(is_trusted(0, 998));
  EXPECT_TRUE(is_trusted(998, 998));
  EXPECT_FALSE(is_trusted(1000, 998));
  EXPECT_FALSE(is_trusted(998, 0)) << "root's service is not its namesake's";
}

TEST(Authority, PolkitsYesIsAYes) {
  EXPECT_STREQ(judge({.is_authorized = true}, kAction).name, "");
  EXPECT_STREQ(judge({.is_authorized = true, .is_challenge = true}, kAction).name, "");
}

TEST(Authority, WhoeverIsRefusedHearsWhatWouldHelp) {
  const Refusal no = judge({}, kAction);
  EXPECT_STREQ(no.name, SD_BUS_ERROR_ACCESS_DENIED);
  EXPECT_THAT(no.why, HasSubstr(kAction));
  const Refusal challenge = judge({.is_challenge = true}, kAction);
  EXPECT_STREQ(challenge.name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);
  EXPECT_THAT(challenge.why, HasSubstr("password"));
}

TEST(Authority, NoAnswerIsANo) {
  const Refusal refusal =
      judge({.is_authorized = true, .error = "org.freedesktop.DBus.Error.ServiceUnknown"}, kAction);
  EXPECT_STREQ(refusal.name, SD_BUS_ERROR_ACCESS_DENIED);
  EXPECT_THAT(refusal.why, HasSubstr("only root"));
  EXPECT_THAT(refusal.why, HasSubstr("ServiceUnknown"));
}

}  // namespace
}  // namespace sockherd::supervisor
