#include "daemon/sys/accepted.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::sys {
namespace {

uint64_t inode_of(const UniqueFd& socket) {
  struct stat status {};
  EXPECT_EQ(::fstat(socket.get(), &status), 0);
  return status.st_ino;
}

class Accepted : public testing::TestWithParam<const char*> {
 protected:
  UniqueFd listener_ =
      std::move(bind_listener(parsed(GetParam()), Sharing::ReusePort, 128, 0)).value();
};

TEST_P(Accepted, AConnectionHasANumberFromItsAcceptanceOn) {
  const UniqueFd client = connect_to(address_of(listener_));
  ASSERT_TRUE(client);
  EXPECT_EQ(inode_of_peer(client.get()).value(), 0U);
  UniqueFd server = accept_one(listener_);
  ASSERT_TRUE(server);
  EXPECT_EQ(inode_of_peer(client.get()).value(), inode_of(server));
  EXPECT_EQ(holds_socket(::getpid(), inode_of(server)), Holder::Yes);
  server.reset();
  const auto gone = inode_of_peer(client.get());
  EXPECT_TRUE(!gone.ok() || gone.value() == 0);
}

TEST_P(Accepted, WaitsUntilThenAndNeverAgain) {
  const uint16_t port = address_of(listener_).port();
  EXPECT_TRUE(waiting_connections(port).value().empty());
  const UniqueFd first = connect_to(address_of(listener_));
  const auto one = waiting_connections(port).value();
  EXPECT_EQ(one.size(), 1U);
  EXPECT_EQ(listening_queues().value().at(port), 1U);
  const UniqueFd second = connect_to(address_of(listener_));
  EXPECT_EQ(waiting_connections(port).value().size(), 2U);
  EXPECT_EQ(listening_queues().value().at(port), 2U);
  UniqueFd server = accept_one(listener_);
  const auto other = waiting_connections(port).value();
  EXPECT_EQ(other.size(), 1U);
  EXPECT_NE(other, one) << "the first one was accepted";
  server.reset();
  EXPECT_EQ(waiting_connections(port).value(), other) << "one that was closed waits no more";
  ::shutdown(second.get(), SHUT_WR);
  EXPECT_EQ(waiting_connections(port).value(), other) << "its client has ended, and it still waits";
}

TEST_P(Accepted, WhoListensIsKnownWhoeverHasAccepted) {
  const UniqueFd client = connect_to(address_of(listener_));
  const auto waits = listener_of_peer(client.get()).value();
  ASSERT_TRUE(waits.has_value());
  EXPECT_EQ(waits->inode, inode_of(listener_));
  EXPECT_EQ(waits->user, ::geteuid());
  const UniqueFd server = accept_one(listener_);
  EXPECT_EQ(listener_of_peer(client.get()).value()->inode, inode_of(listener_));
  listener_.reset();
  EXPECT_FALSE(listener_of_peer(client.get()).value().has_value());
}

INSTANTIATE_TEST_SUITE_P(Families, Accepted, testing::Values("127.0.0.1:0", "[::1]:0"));

TEST(AcceptedBy, AProcessThatTheWorkerHasStartedCountsAsTheWorker) {
  const UniqueFd listener =
      std::move(bind_listener(parsed("127.0.0.1:0"), Sharing::ReusePort, 128, 0)).value();
  ::fcntl(listener.get(), F_SETFL, 0);  // it waits in accept()
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t child = ::fork();
    if (child > 0) {  // a master that only waits
      ::waitpid(child, nullptr, 0);
      ::_exit(0);
    }
    const UniqueFd taken(::accept(listener.get(), nullptr, nullptr));
    ::pause();
    ::_exit(0);
  }
  const UniqueFd client = connect_to(address_of(listener));
  ASSERT_TRUE(client);
  uint64_t inode = 0;
  for (int i = 0; i < 5000 && inode == 0; ++i) {
    inode = inode_of_peer(client.get()).value();
    pollfd nothing{-1, 0, 0};
    ::poll(&nothing, 1, 1);
  }
  EXPECT_NE(inode, 0U);
  EXPECT_EQ(holds_socket(parent, inode), Holder::Yes);
  EXPECT_EQ(holds_socket(parent, inode + 1'000'000), Holder::No);
  // The grandchild first: nobody else knows it.
  const std::string children =
      "/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children";
  const std::unique_ptr<FILE, int (*)(FILE*)> file(::fopen(children.c_str(), "re"), ::fclose);
  int grandchild = 0;
  ASSERT_EQ(::fscanf(file.get(), "%d", &grandchild), 1);
  ::kill(grandchild, SIGKILL);
  EXPECT_EQ(::waitpid(parent, nullptr, 0), parent);
}

TEST(AcceptedBy, AProcessRunsAsItsUser) {
  EXPECT_TRUE(runs_as(::getpid(), ::geteuid()));
  EXPECT_FALSE(runs_as(::getpid(), 4'000'000));
}

TEST(AcceptedBy, NobodyWhoIsGone) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(holds_socket(child, 1), Holder::No);
}

TEST(AcceptedBy, AProcessOfSomebodyElseIsNotLookedInto) {
  REQUIRE_ROOT();
  const pid_t ours = ::getpid();
  EXPECT_EQ(as_user(kNobody,
                    [ours] {
                      return holds_socket(ours, 1) == Holder::Unknown ? std::string("unknown")
                                                                      : std::string("known");
                    }),
            "unknown");
}

}  // namespace
}  // namespace sockherd::sys
