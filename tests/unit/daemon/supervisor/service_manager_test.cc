#include "daemon/supervisor/service_manager.h"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cstdlib>

#include "daemon/base/unique_fd.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr Instant kBegin{std::chrono::hours(1)};

class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() {
    const auto address = sys::parsed("unix:" + directory_.path("notify"));
    EXPECT_EQ(::bind(socket_.get(), address.get(), address.size()), 0);
    ::setenv("NOTIFY_SOCKET", directory_.path("notify").c_str(), 1);
  }
  ~ServiceManagerTest() override { ::unsetenv("NOTIFY_SOCKET"); }

  std::vector<std::string> heard() {
    std::vector<std::string> messages;
    char text[4096];
    for (ssize_t got = 0; (got = ::recv(socket_.get(), text, sizeof text, 0)) > 0;) {
      messages.emplace_back(text, static_cast<size_t>(got));
    }
    return messages;
  }
  // What is heard when it is asked for more time.
  std::vector<std::string> heard_at(Duration at, std::optional<Duration> until) {
    manager_.extend(until ? std::optional(kBegin + *until) : std::nullopt, kBegin + at);
    return heard();
  }

  worker::TemporaryDirectory directory_;
  UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  ServiceManager manager_;
};

TEST_F(ServiceManagerTest, AsksForALittleMoreTimeAgainAndAgain) {
  EXPECT_THAT(heard_at(seconds(0), minutes(5)), ElementsAre("EXTEND_TIMEOUT_USEC=30000000"));
  EXPECT_THAT(heard_at(milliseconds(9999), minutes(5)), IsEmpty());
  EXPECT_THAT(heard_at(seconds(10), minutes(5)), ElementsAre("EXTEND_TIMEOUT_USEC=30000000"));
}

TEST_F(ServiceManagerTest, AsksForNoMoreThanTheDeadlineAndWhatFollowsIt) {
  EXPECT_THAT(heard_at(seconds(0), seconds(4)), ElementsAre("EXTEND_TIMEOUT_USEC=24000000"));
  EXPECT_THAT(heard_at(seconds(20), seconds(4)), ElementsAre("EXTEND_TIMEOUT_USEC=4000000"));
  EXPECT_THAT(heard_at(seconds(30), seconds(4)), IsEmpty()) << "nothing came of it";
}

TEST_F(ServiceManagerTest, AsksForNothingWhereNobodyKnowsHowLongItTakes) {
  EXPECT_THAT(heard_at(seconds(0), std::nullopt), IsEmpty());
}

TEST_F(ServiceManagerTest, AsksOnlyWhileItIsWaitedFor) {
  EXPECT_THAT(heard_at(seconds(0), minutes(5)).size(), 1U);
  manager_.ready();
  EXPECT_THAT(heard(), ElementsAre("READY=1"));
  EXPECT_THAT(heard_at(seconds(60), minutes(5)), IsEmpty()) << "a restart of workers, say";
}

TEST_F(ServiceManagerTest, AsksAtOnceInAReloadAndAtTheEnd) {
  heard_at(seconds(0), minutes(5));
  manager_.ready();
  manager_.reloading(kBegin + seconds(1));
  heard();
  EXPECT_THAT(heard_at(seconds(1), minutes(5)), ElementsAre("EXTEND_TIMEOUT_USEC=30000000"));
  manager_.ready();
  manager_.stopping();
  heard();
  EXPECT_THAT(heard_at(seconds(2), minutes(5)), ElementsAre("EXTEND_TIMEOUT_USEC=30000000"));
}

}  // namespace
}  // namespace sockherd::supervisor
