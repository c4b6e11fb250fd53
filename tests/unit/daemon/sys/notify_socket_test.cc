#include "daemon/sys/notify_socket.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "daemon/sys/notify.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::sys {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;

TEST(Notification, TakesTheLinesItKnows) {
  const Notification said = parse_notification(
      "READY=1\nSTATUS=serving 3 of 4\nMAINPID=12\nX=y\nEXTEND_TIMEOUT_USEC=1500000\nSTOPPING=1\n");
  EXPECT_TRUE(said.ready);
  EXPECT_TRUE(said.stopping);
  EXPECT_EQ(said.status, "serving 3 of 4");
  EXPECT_EQ(said.extend_timeout, microseconds(1500000));
}

TEST(Notification, AWatchdogIsFedOrPulled) {
  EXPECT_TRUE(parse_notification("WATCHDOG=1").beats);
  EXPECT_FALSE(parse_notification("WATCHDOG=1").is_hung);
  EXPECT_TRUE(parse_notification("STATUS=lost\nWATCHDOG=trigger\n").is_hung);
  for (const char* text : {"WATCHDOG=", "WATCHDOG=0", "WATCHDOG=11", "WATCHDOG_USEC=1"}) {
    EXPECT_FALSE(parse_notification(text).beats || parse_notification(text).is_hung) << text;
  }
}

TEST(Notification, IgnoresWhatIsMalformed) {
  for (const char* text :
       {"", "\n\n", "READY", "READY=0", "READY=11", " READY=1", "ready=1", "STOPPING=yes",
        "EXTEND_TIMEOUT_USEC=", "EXTEND_TIMEOUT_USEC=-1", "EXTEND_TIMEOUT_USEC=0",
        "EXTEND_TIMEOUT_USEC=1s", "EXTEND_TIMEOUT_USEC=99999999999999999999"}) {
    const Notification said = parse_notification(text);
    EXPECT_FALSE(said.ready || said.stopping || said.status || said.extend_timeout) << text;
  }
}

TEST(Notification, TheLastOfSeveralCountsAndAStatusMayBeEmpty) {
  EXPECT_EQ(parse_notification("STATUS=a\nSTATUS=b=c").status, "b=c");
  EXPECT_EQ(parse_notification("STATUS=").status, "");
  EXPECT_TRUE(parse_notification("READY=1").ready);
}

// Found in review: the largest number overflowed when it became nanoseconds.
TEST(Notification, ExtendsByADayAtMost) {
  const auto extension = parse_notification("EXTEND_TIMEOUT_USEC=9223372036854775807");
  EXPECT_EQ(extension.extend_timeout, std::chrono::hours(24));
}

class NotifySocketTest : public testing::Test {
 protected:
  NotifySocket create() {
    auto socket = NotifySocket::create(directory_.path("n"));
    EXPECT_TRUE(socket.ok()) << socket.error().what;
    return std::move(socket).value();
  }

  // As a child does it.
  void tell(const std::string& message) {
    ::setenv("NOTIFY_SOCKET", directory_.path("n").c_str(), 1);
    const auto sent = notify(message);
    EXPECT_TRUE(sent.ok()) << sent.error().what;
    ::unsetenv("NOTIFY_SOCKET");
  }

  worker::TemporaryDirectory directory_;
};

TEST_F(NotifySocketTest, ReceivesOneMessageAtATime) {
  NotifySocket socket = create();
  EXPECT_EQ(socket.path(), directory_.path("n"));
  EXPECT_FALSE(socket.receive());
  tell("STATUS=first");
  tell("STATUS=second\nREADY=1");
  EXPECT_EQ(socket.receive()->status, "first");
  const auto second = socket.receive();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->status, "second");
  EXPECT_TRUE(second->ready);
  EXPECT_FALSE(socket.receive());
}

TEST_F(NotifySocketTest, TakesAnEmptyMessageForOne) {
  NotifySocket socket = create();
  const UniqueFd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketAddress address = parsed("unix:" + socket.path());
  ASSERT_EQ(::sendto(sender.get(), "", 0, 0, address.get(), address.size()), 0);
  tell("READY=1");
  ASSERT_TRUE(socket.receive());
  EXPECT_TRUE(socket.receive()->ready);
}

TEST_F(NotifySocketTest, IsReplacedWhereAnOldOneStandsAndRemovedInTheEnd) {
  {
    const UniqueFd old(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const SocketAddress address = parsed("unix:" + directory_.path("n"));
    ASSERT_EQ(::bind(old.get(), address.get(), address.size()), 0);
    NotifySocket first = create();
    NotifySocket moved = std::move(first);
    tell("READY=1");
    EXPECT_TRUE(moved.receive());
    EXPECT_TRUE(std::filesystem::exists(directory_.path("n")));
  }
  EXPECT_FALSE(std::filesystem::exists(directory_.path("n")));
}

// Found by testing: a READY=1 that was read, but not written down yet when the supervisor was
// killed, was lost, and its successor waited for it until start_timeout.
TEST_F(NotifySocketTest, WhatIsNotDroppedIsForTheSuccessor) {
  NotifySocket before = create();
  tell("READY=1");
  tell("STATUS=second");
  EXPECT_TRUE(before.peek()->ready);
  EXPECT_TRUE(before.peek()->ready);
  before.drop();
  EXPECT_EQ(before.peek()->status, "second");
  NotifySocket after = NotifySocket::adopt(UniqueFd(::dup(before.fd())), "");
  EXPECT_EQ(after.receive()->status, "second");
  EXPECT_FALSE(after.peek());
}

TEST_F(NotifySocketTest, MayBeSpokenToByAnotherUser) {
  REQUIRE_ROOT();
  ASSERT_EQ(::chmod(directory_.path("").c_str(), 0755), 0);
  NotifySocket socket = create();
  as_user(kNobody, [&] {
    tell("READY=1");
    return std::string();
  });
  ASSERT_TRUE(socket.receive());
}

TEST_F(NotifySocketTest, SaysWhereItCanNotBe) {
  const auto missing = NotifySocket::create(directory_.path("no/such/directory"));
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().what, HasSubstr("No such file or directory"));
  const auto too_long = NotifySocket::create("/" + std::string(107, 'x'));
  ASSERT_FALSE(too_long.ok());
  EXPECT_THAT(too_long.error().what, HasSubstr("107 bytes"));
}

TEST(Notify, SaysNothingWhereNobodyListensForIt) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(notify("READY=1").ok());
  ::setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
  EXPECT_FALSE(notify("READY=1").ok());
  ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace sockherd::sys
