#include "daemon/worker/acceptor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <vector>

#include "daemon/worker/acceptors.h"
#include "tests/unit/daemon/io/loopback.h"
#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {
namespace {

using stats::Count;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::string_view kPlain = "GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n";

class AcceptorTest : public ::testing::Test {
 protected:
  explicit AcceptorTest(const Limits& limits = {}) : harness_(limits) {
    UniqueFd given(::fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0));
    acceptor_ =
        std::move(Acceptor::create(harness_.service(), {"web", 3}, std::move(given))).value();
  }
  Client connect() { return Client(io::connect_to(listener_.get())); }

  Harness harness_;
  UniqueFd listener_ = io::listen_on_loopback();  // the supervisor's
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, ServesWhoConnects) {
  Client client = connect();
  EXPECT_THAT(harness_.exchange(client, kPlain), EndsWith("Hello, World!"));
  EXPECT_EQ(harness_.count(Count::ConnectionsAccepted), 1u);
}

TEST_F(AcceptorTest, GivesItsConnectionsNoDelay) {
  int on = 0;
  socklen_t size = sizeof on;
  ASSERT_EQ(::getsockopt(listener_.get(), IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
  EXPECT_NE(on, 0);
}

TEST_F(AcceptorTest, TakesItsQueueBeforeItLetsGo) {
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(connect());
    clients.back().send(kPlain);
  }
  acceptor_->finish();
  EXPECT_EQ(harness_.open_connections(), 100u);
  harness_.run();
  for (Client& client : clients) EXPECT_THAT(client.read(), EndsWith("Hello, World!"));
  // The listener lives on: what comes now waits for the next one who holds it.
  const Client late = connect();
  harness_.run();
  EXPECT_EQ(harness_.open_connections(), 100u);
  EXPECT_GE(::accept(listener_.get(), nullptr, nullptr), 0);
}

// The table is any memory here; the kernel's part is in balancer_test.cc.
class CountingAcceptorTest : public ::testing::Test {
 protected:
  CountingAcceptorTest() {
    constexpr size_t kBytes = sys::LoadTable::kSlots * sizeof(sys::SlotLoad);
    const UniqueFd memory = std::move(sys::create_memory_file("loads", kBytes)).value();
    harness_.service().loads["web"] = std::move(sys::LoadTable::map(memory.get())).value();
    table_ = harness_.service().loads["web"].slots();
    acceptors_ = std::make_unique<Acceptors>(harness_.service());
  }
  UniqueFd shared_listener() { return UniqueFd(::fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0)); }
  Client connect() { return Client(io::connect_to(listener_.get())); }
  // A turn of the worker, as in Worker::run().
  void turn() {
    harness_.run();
    acceptors_->publish_loads();
  }

  Harness harness_;
  UniqueFd listener_ = io::listen_on_loopback();
  std::span<sys::SlotLoad> table_;
  std::unique_ptr<Acceptors> acceptors_;
};

TEST_F(CountingAcceptorTest, PublishesWhatItHasAcceptedAndWhatIsOpen) {
  ASSERT_TRUE(acceptors_->add({"web", 3}, shared_listener()).ok());
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  harness_.run();
  EXPECT_EQ(table_[3].accepted.load(), 0U) << "until the end of the turn they are under way";
  acceptors_->publish_loads();
  EXPECT_EQ(table_[3].accepted.load(), 3U);
  EXPECT_EQ(table_[3].open.load(), 3U);
  clients.pop_back();
  turn();
  EXPECT_EQ(table_[3].accepted.load(), 3U);
  EXPECT_EQ(table_[3].open.load(), 2U);
}

TEST_F(CountingAcceptorTest, ASlotThatItTookOverIsAsBusyAsTheWorker) {
  ASSERT_TRUE(acceptors_->add({"web", 3}, shared_listener()).ok());
  ASSERT_TRUE(acceptors_->take({"web", 5}, io::listen_on_loopback()).ok());
  ASSERT_TRUE(acceptors_->take({"admin", 5}, io::listen_on_loopback()).ok()) << "has no table";
  const Client client = connect();
  turn();
  EXPECT_EQ(table_[3].accepted.load(), 1U);
  EXPECT_EQ(table_[5].accepted.load(), 0U);
  EXPECT_EQ(table_[5].open.load(), 1U);
  acceptors_->drop({"web", 5});
  EXPECT_EQ(table_[5].open.load(), 0U);
}

TEST_F(CountingAcceptorTest, WhatIsOpenBelongsToTheNextWorkerOnceItLetsGo) {
  ASSERT_TRUE(acceptors_->add({"web", 3}, shared_listener()).ok());
  const Client early = connect();
  turn();
  const Client late = connect();
  acceptors_->finish();
  EXPECT_EQ(table_[3].accepted.load(), 2U);
  EXPECT_EQ(table_[3].open.load(), 0U);
  table_[3].open.store(7);  // the successor
  turn();
  EXPECT_EQ(table_[3].open.load(), 7U);
}

TEST_F(CountingAcceptorTest, EmptyingAQueueCountsWhatItTakesOnly) {
  table_[4].open.store(7);
  ASSERT_TRUE(acceptors_->empty({"web", 4}, shared_listener(), [](const Place&) {}).ok());
  const Client client = connect();
  turn();
  EXPECT_EQ(table_[4].accepted.load(), 1U);
  EXPECT_EQ(table_[4].open.load(), 7U);
}

// Takes all descriptors but `left`, and gives them back.
class DescriptorShortage {
 public:
  explicit DescriptorShortage(int left) {
    std::vector<UniqueFd> kept;
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const UniqueFd highest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(highest.get() + left);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~DescriptorShortage() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(AcceptorTest, RefusesInsteadOfSpinningWhenDescriptorsRunOut) {
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect());
    clients.back().send(kPlain);
  }
  const DescriptorShortage shortage(1);
  harness_.run();
  EXPECT_THAT(clients[0].read(), EndsWith("Hello, World!"));
  EXPECT_THAT(clients[1].read(), HasSubstr("503 Service Unavailable"));
  EXPECT_THAT(clients[2].read(), HasSubstr("503 Service Unavailable"));
  EXPECT_EQ(harness_.count(Count::ConnectionsRefused), 2u);
  EXPECT_GE(harness_.count(Count::AcceptErrors), 2u);
}

// Without a free number accept(2) says EMFILE whether somebody waits or not.
TEST_F(AcceptorTest, KnowsAnEmptyQueueWithoutADescriptorLeft) {
  acceptor_.reset();
  int emptied = 0;
  UniqueFd given(::fcntl(listener_.get(), F_DUPFD_CLOEXEC, 0));
  acceptor_ = std::move(Acceptor::create(harness_.service(), {"web", 3}, std::move(given),
                                         [&emptied](Acceptor&) { ++emptied; }))
                  .value();
  const DescriptorShortage shortage(0);
  harness_.run();
  EXPECT_EQ(emptied, 1);
  EXPECT_EQ(harness_.count(Count::AcceptErrors), 1u);
}

class FullAcceptorTest : public AcceptorTest {
 protected:
  FullAcceptorTest() : AcceptorTest(Limits{.max_connections = 2}) {}
};

TEST_F(FullAcceptorTest, RefusesAboveItsLimitUntilThereIsRoom) {
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  harness_.run();
  EXPECT_THAT(clients[2].read(), HasSubstr("503 Service Unavailable"));
  EXPECT_THAT(harness_.exchange(clients[0], kPlain), EndsWith("Hello, World!"));
  clients.erase(clients.begin() + 1, clients.end());
  harness_.run();
  Client next = connect();
  EXPECT_THAT(harness_.exchange(next, kPlain), EndsWith("Hello, World!"));
}

TEST_F(FullAcceptorTest, LeavesInTheQueueWhatDoesNotFitWhenItLetsGo) {
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect());
  acceptor_->finish();
  EXPECT_EQ(harness_.open_connections(), 2u);
  const UniqueFd left(::accept(listener_.get(), nullptr, nullptr));
  EXPECT_TRUE(static_cast<bool>(left));
}

TEST_F(AcceptorTest, LeavesItsQueueWhenItIsDestroyed) {
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(connect());
  acceptor_.reset();
  harness_.run();
  EXPECT_EQ(harness_.open_connections(), 0u);
  EXPECT_EQ(::fcntl(listener_.get(), F_SETFL, O_NONBLOCK), 0);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(UniqueFd(::accept(listener_.get(), nullptr, nullptr)));
}

TEST(Acceptor, RefusesWhatDoesNotListen) {
  Harness harness;
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_FALSE(Acceptor::create(harness.service(), {"web", 3}, std::move(socket)).ok());
  UniqueFd file(::open("/dev/null", O_RDONLY));
  EXPECT_FALSE(Acceptor::create(harness.service(), {"web", 3}, std::move(file)).ok());
}

}  // namespace
}  // namespace sockherd::worker
