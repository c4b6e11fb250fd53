#include "daemon/supervisor/address_owner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/sys/peers.h"

namespace sockherd::supervisor {
namespace {

using Acceptor = Probe::Acceptor;
using enum sys::Holder;

TEST(AddressOwnerRule, IsTheWorkerOrSomebodyWhoMayListenForIt) {
  EXPECT_EQ((AddressOwner{Yes, false, false}.acceptor()), Acceptor::Ours);
  EXPECT_EQ((AddressOwner{No, true, false}.acceptor()), Acceptor::Ours);
  EXPECT_EQ((AddressOwner{Unknown, true, false}.acceptor()), Acceptor::Ours);
  EXPECT_EQ((AddressOwner{Unknown, false, false}.acceptor()), Acceptor::Another);
  EXPECT_EQ((AddressOwner{No, false, false}.acceptor()), Acceptor::Another);
  EXPECT_EQ((AddressOwner{No, true, true}.acceptor()), Acceptor::Another);
}

// A worker that has nothing open of what comes after it.
class AddressOwnerTest : public testing::Test {
 protected:
  AddressOwnerTest() : worker_(::fork()) {
    if (worker_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  ~AddressOwnerTest() override {
    ::kill(worker_, SIGKILL);
    ::waitpid(worker_, nullptr, 0);
  }

  static UniqueFd listen() {
    return std::move(
               sys::bind_listener(sys::parsed("127.0.0.1:0"), sys::Sharing::ReusePort, 128, 0))
        .value();
  }
  static UniqueFd listen_as(uid_t user) {
    EXPECT_EQ(::seteuid(user), 0);
    UniqueFd listener = listen();
    EXPECT_EQ(::seteuid(0), 0);
    return listener;
  }

  pid_t worker_;
};

TEST_F(AddressOwnerTest, IsTheWorkerItself) {
  const UniqueFd listener = listen();
  const UniqueFd connection = sys::connect_to(sys::address_of(listener));
  EXPECT_EQ(owner_of_address(connection.get(), ::getpid(), false), Acceptor::Ours);
}

TEST_F(AddressOwnerTest, IsNotAnotherWorkerOfOurs) {
  const UniqueFd listener = listen();  // held by who asks: so would it be by what he has started
  const UniqueFd connection = sys::connect_to(sys::address_of(listener));
  EXPECT_EQ(owner_of_address(connection.get(), worker_, false), Acceptor::Another);
}

TEST_F(AddressOwnerTest, IsNotWhoeverWasThereFirst) {
  REQUIRE_ROOT();
  const UniqueFd listener = listen_as(sys::kNobody);
  const UniqueFd connection = sys::connect_to(sys::address_of(listener));
  EXPECT_EQ(owner_of_address(connection.get(), worker_, false), Acceptor::Another);
}

TEST_F(AddressOwnerTest, IsNotWhoHasClosedTheDoorBehindUs) {
  UniqueFd listener = listen();
  const UniqueFd connection = sys::connect_to(sys::address_of(listener));
  UniqueFd taken = sys::accept_one(listener);
  listener.reset();
  EXPECT_EQ(owner_of_address(connection.get(), worker_, false), Acceptor::Another);
  taken.reset();
  EXPECT_EQ(owner_of_address(connection.get(), worker_, true), Acceptor::Another);
}

}  // namespace
}  // namespace sockherd::supervisor
