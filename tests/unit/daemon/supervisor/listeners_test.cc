#include "daemon/supervisor/listeners.h"

#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <filesystem>

#include "daemon/sys/affinity.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/thread.h"
#include "tests/unit/daemon/supervisor/manager.h"
#include "tests/unit/daemon/sys/group.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using sys::accept_all;
using sys::address_of;
using sys::connect_to;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

config::Listener listener(std::string name, std::string address = "127.0.0.1:0") {
  return {.name = std::move(name), .address = std::move(address), .backlog = 1024, .mode = 0600};
}

// The socket of a systemd unit, with or without ReusePort=yes; SO_REUSEADDR is always set.
UniqueFd activated(int reuse_port, std::string_view address = "127.0.0.1:0") {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &reuse_port, sizeof reuse_port), 0);
  const sys::SocketAddress any = sys::parsed(address);
  EXPECT_EQ(::bind(fd.get(), any.get(), any.size()), 0);
  EXPECT_EQ(::listen(fd.get(), 1024), 0);
  return fd;
}

UniqueFd copy_of(const UniqueFd& fd) {
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
}

class ListenersTest : public testing::Test {
 protected:
  Result<void> adopt(std::string name, UniqueFd fd) {
    Inheritance from;
    from.units.push_back({std::move(name), std::move(fd)});
    return listeners_.adopt(from, config_);
  }
  void ensure(const config::Listener& wanted, uint32_t slots, uint32_t threads = 1) {
    const auto ensured = listeners_.ensure(wanted, slots, threads);
    ASSERT_TRUE(ensured.ok()) << ensured.error().what;
  }
  void serve(const std::vector<uint32_t>& slots, const std::string& name = "web") {
    const auto served = listeners_.serve(name, slots);
    ASSERT_TRUE(served.ok()) << served.error().what;
  }
  const Listeners::Group& group(const std::string& name = "web") const {
    return listeners_.groups().at(name);
  }

  // How many of so many connections each slot got.
  std::vector<int> shares_of(int connections, const std::string& name = "web") {
    std::vector<UniqueFd> clients;
    for (int i = 0; i < connections; ++i) {
      clients.push_back(connect_to(group(name).address));
      EXPECT_TRUE(clients.back());
    }
    std::vector<int> shares;
    int total = 0;
    for (const UniqueFd& socket : group(name).sockets) {
      shares.push_back(accept_all(socket));
      total += shares.back();
    }
    EXPECT_EQ(total, connections);
    return shares;
  }

  worker::TemporaryDirectory directory_;
  config::Config config_{.listeners = {listener("web"), listener("api")}};
  FdStore store_;
  Listeners listeners_{store_};
};

TEST_F(ListenersTest, AdoptsByName) {
  ASSERT_TRUE(adopt("api", activated(1)).ok());
  EXPECT_THAT(group("api").adopted, ElementsAre(0));
  EXPECT_FALSE(listeners_.groups().contains("web"));
  EXPECT_EQ(listeners_.socket("api", 0), group("api").sockets[0].get());
  EXPECT_NE(::fcntl(listeners_.socket("api", 0), F_GETFL) & O_NONBLOCK, 0);
  ASSERT_TRUE(adopt("admin", activated(0)).ok());
  EXPECT_EQ(listeners_.admin().size(), 1U);
}

TEST_F(ListenersTest, SeveralEqualSocketsAreTheFirstSlots) {
  UniqueFd first = activated(1);
  UniqueFd second = activated(1, address_of(first).text());
  ASSERT_TRUE(adopt("web", std::move(first)).ok());
  ASSERT_TRUE(adopt("web", std::move(second)).ok());
  ensure(config_.listeners[0], 4);
  EXPECT_THAT(group().adopted, ElementsAre(0, 1));
  EXPECT_EQ(group().sockets.size(), 4U);
  EXPECT_THAT(shares_of(400), Each(Gt(0)));
  serve({0, 3});
  EXPECT_THAT(shares_of(200), ElementsAre(Gt(0), 0, 0, Gt(0)));
}

TEST_F(ListenersTest, NamesASocketThatNobodyClaims) {
  UniqueFd stray = activated(0);
  const std::string address = address_of(stray).text();
  const auto adopted = adopt("wbe", std::move(stray));
  ASSERT_FALSE(adopted.ok());
  EXPECT_THAT(adopted.error().what,
              AllOf(HasSubstr("the socket \"wbe\" passed by systemd (" + address + ")"),
                    HasSubstr("[listener.web] [listener.api]"), HasSubstr("FileDescriptorName=")));
}

TEST_F(ListenersTest, RefusesTwoAddressesUnderOneName) {
  UniqueFd first = activated(1);
  const std::string address = address_of(first).text();
  ASSERT_TRUE(adopt("web", std::move(first)).ok());
  const auto adopted = adopt("web", activated(1));
  ASSERT_FALSE(adopted.ok());
  EXPECT_THAT(adopted.error().what, AllOf(HasSubstr("another address"), HasSubstr(address)));
}

TEST_F(ListenersTest, RefusesWhatIsNoListeningStreamSocket) {
  const auto udp = adopt("web", UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  EXPECT_THAT(udp.error().what, HasSubstr("not a TCP or Unix stream"));
  const auto idle = adopt("web", UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  EXPECT_THAT(idle.error().what, HasSubstr("Accept=yes"));
}

// Found in review: a unit without ReusePort=yes was refused with EINVAL, and could not grow.
TEST_F(ListenersTest, ASocketWithoutReusePortIsAdoptedServedAndGrown) {
  ASSERT_TRUE(adopt("web", activated(0)).ok());
  ensure(config_.listeners[0], 1);
  serve({0});
  EXPECT_THAT(shares_of(10), ElementsAre(10));
  ensure(config_.listeners[0], 3);
  EXPECT_THAT(shares_of(100), ElementsAre(100, 0, 0)) << "new slots are masked";
  serve({0, 1, 2});
  EXPECT_THAT(shares_of(300), Each(Gt(0)));
}

// It knows which slots have a worker.
TEST_F(ListenersTest, TheSteeringThatAPredecessorLeftStaysUntilSomebodyServes) {
  UniqueFd first = activated(1);
  UniqueFd second = activated(1, address_of(first).text());
  {
    FdStore store;
    Listeners predecessor(store);
    Inheritance from;
    for (const UniqueFd* one : {&first, &second}) {
      from.units.push_back({"web", copy_of(*one)});
    }
    ASSERT_TRUE(predecessor.adopt(from, config_).ok());
    ASSERT_TRUE(predecessor.serve("web", {1}).ok());
  }
  ASSERT_TRUE(adopt("web", std::move(first)).ok());
  ASSERT_TRUE(adopt("web", std::move(second)).ok());
  EXPECT_THAT(shares_of(100), ElementsAre(0, 100));
  serve({0, 1});
  EXPECT_THAT(shares_of(200), ElementsAre(Gt(0), Gt(0)));
}

TEST_F(ListenersTest, BindsWhatSystemdDidNotPass) {
  ensure(config_.listeners[0], 2);
  EXPECT_NE(group().address.port(), 0);
  EXPECT_THAT(group().adopted, IsEmpty());
  EXPECT_EQ(group().sockets.size(), 2U);
  ensure(config_.listeners[0], 1);
  EXPECT_EQ(group().sockets.size(), 2U) << "nobody closes a slot";
  const auto nowhere = listeners_.ensure(listener("x", ""), 1);
  ASSERT_FALSE(nowhere.ok());
  EXPECT_THAT(nowhere.error().what,
              AllOf(HasSubstr("listener x has no address"), HasSubstr("FileDescriptorName=x")));
}

TEST_F(ListenersTest, NewSlotsAreMaskedWhereOthersAreServed) {
  ensure(config_.listeners[0], 2);
  serve({0, 1});
  ensure(config_.listeners[0], 4);
  EXPECT_THAT(shares_of(100), ElementsAre(Gt(0), Gt(0), 0, 0));
  serve({0, 1, 2, 3});
  EXPECT_THAT(shares_of(400), Each(Gt(0)));
}

TEST_F(ListenersTest, ParksOnTheAdoptedSockets) {
  ASSERT_TRUE(adopt("web", activated(1)).ok());
  ensure(config_.listeners[0], 3);
  serve({0, 1, 2});
  ASSERT_TRUE(listeners_.park("web").ok());
  EXPECT_THAT(shares_of(60), ElementsAre(60, 0, 0));
  serve({0, 1, 2});
  EXPECT_THAT(shares_of(300), Each(Gt(0)));
}

TEST_F(ListenersTest, ASlotThatTheListenerDoesNotHaveIsNotServed) {
  ensure(config_.listeners[0], 3);
  serve({0, 7});
  EXPECT_THAT(shares_of(60), ElementsAre(60, 0, 0));
}

TEST_F(ListenersTest, AUnixListenerHasOneSocketForAllSlots) {
  const auto local = listener("web", "unix:" + directory_.path("s"));
  ensure(local, 4);
  EXPECT_TRUE(group().is_unix());
  EXPECT_EQ(group().sockets.size(), 1U);
  EXPECT_EQ(listeners_.socket("web", 3), listeners_.socket("web", 0));
  serve({1, 2});
  EXPECT_THAT(shares_of(3), ElementsAre(3));
}

TEST_F(ListenersTest, KeepsTheNamedOnesOnly) {
  ensure(config_.listeners[0], 2);
  ensure(config_.listeners[1], 1);
  const sys::SocketAddress web = group().address;
  listeners_.keep_only({"api"});
  EXPECT_FALSE(listeners_.groups().contains("web"));
  EXPECT_TRUE(listeners_.groups().contains("api"));
  EXPECT_FALSE(connect_to(web)) << "nobody listens there";
}

// Found in review: an adopted listener that a reload removed could never come back.
TEST_F(ListenersTest, RemovesTheNodeOfAUnixSocketThatItBound) {
  const std::string path = directory_.path("s");
  ensure(listener("web", "unix:" + path), 1);
  ASSERT_TRUE(std::filesystem::exists(path));
  ASSERT_TRUE(listeners_.park("web").ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ListenersTest, KeepsWhatSystemdPassed) {
  ASSERT_TRUE(adopt("web", activated(1)).ok());
  ensure(config_.listeners[0], 3);
  listeners_.keep_only({});
  EXPECT_EQ(group().sockets.size(), 1U);
  ensure(config_.listeners[0], 2);
  serve({0, 1});
  EXPECT_THAT(shares_of(100), ElementsAre(Gt(0), Gt(0)));
}

TEST_F(ListenersTest, AnAddressThatMovesIsServedBesideTheOneBefore) {
  ensure(listener("web", "127.0.0.1:0"), 1);
  ensure(listener("web", "127.0.0.1:0"), 2);
  EXPECT_EQ(listeners_.groups().size(), 1U) << "any port is the one that it has";
  const sys::SocketAddress before = group().address;
  const auto elsewhere = listener("web", "127.0.0.2:" + std::to_string(before.port()));
  ensure(elsewhere, 2);
  ASSERT_EQ(listeners_.groups().size(), 2U);
  EXPECT_EQ(group().address, before);
  const std::string moved = listeners_.key_of(elsewhere);
  EXPECT_THAT(moved, StartsWith("web@127.0.0.2_"));
  EXPECT_EQ(listeners_.key_of(listener("web", "127.0.0.1:0")), "web");
  EXPECT_EQ(group(moved).sockets.size(), 2U);
  ASSERT_TRUE(adopt("api", activated(1)).ok());
  ensure(listener("api", "127.0.0.3:1"), 1);  // the unit decides where that is
  EXPECT_EQ(listeners_.key_of(listener("api", "127.0.0.3:1")), "api");
}

// Bound a second time it would join the group that steering counts in.
TEST_F(ListenersTest, AnAddressUnderAnotherNameIsTheSameGroup) {
  ensure(config_.listeners[0], 2);
  const config::Listener front = listener("front", group().address.text());
  EXPECT_EQ(listeners_.key_of(front), "") << "it was bound as port 0";
  EXPECT_FALSE(listeners_.ensure(front, 2).ok());
  serve({1});
  EXPECT_THAT(shares_of(20), ElementsAre(0, 20));
}

TEST_F(ListenersTest, AFailureLeavesWhatWasThere) {
  ensure(config_.listeners[0], 2);
  serve({0, 1});
  EXPECT_FALSE(listeners_.ensure(listener("api", "192.0.2.1:80"), 1).ok());
  EXPECT_FALSE(listeners_.groups().contains("api"));
  EXPECT_THAT(shares_of(50), Each(Gt(0)));
}

// --- what a predecessor had kept

// Sockets of one group by slot, as systemd gives them back.
class KeptSocketsTest : public ListenersTest {
 protected:
  void keep(uint32_t slot, UniqueFd fd, const std::string& name = "web") {
    from_.slots[name][slot] = std::move(fd);
  }
  Result<void> adopt_kept() { return listeners_.adopt(from_, config_); }
  void keep_group(uint32_t count) {
    for (UniqueFd& fd : sys::make_group(count)) {
      keep(static_cast<uint32_t>(from_.slots["web"].size()), std::move(fd));
    }
  }
  const UniqueFd& kept(uint32_t slot) { return from_.slots["web"].at(slot); }
  size_t leftovers() { return listeners_.take_leftovers().size(); }

  Inheritance from_;
};

TEST_F(KeptSocketsTest, AreTheSlotsThatTheyWere) {
  keep_group(3);
  std::vector<uint64_t> cookies;
  for (uint32_t i = 0; i < 3; ++i) cookies.push_back(sys::socket_cookie(kept(i).get()));
  config_.listeners[0].address = address_of(kept(0)).text();
  ASSERT_TRUE(adopt_kept().ok());
  ASSERT_EQ(group().sockets.size(), 3U);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(sys::socket_cookie(group().sockets[i].get()), cookies[i]);
  }
  EXPECT_THAT(group().adopted, IsEmpty());
  EXPECT_EQ(leftovers(), 0U);
  ensure(config_.listeners[0], 4);
  EXPECT_EQ(group().sockets.size(), 4U) << "it grows as before";
  serve({0, 3});
  EXPECT_THAT(shares_of(200), ElementsAre(Gt(0), 0, 0, Gt(0)));
}

TEST_F(KeptSocketsTest, TheUnitsOnesAmongThemAreKnownByTheSocket) {
  UniqueFd unit = activated(1);
  const uint64_t cookie = sys::socket_cookie(unit.get());
  keep(0, copy_of(unit));
  keep(1, sys::clone_listener(unit.get()).value());
  from_.units.push_back({"web", std::move(unit)});
  ASSERT_TRUE(adopt_kept().ok());
  ASSERT_EQ(group().sockets.size(), 2U) << "not a third one";
  EXPECT_EQ(sys::socket_cookie(group().sockets[0].get()), cookie);
  EXPECT_THAT(group().adopted, ElementsAre(0));
  listeners_.keep_only({});
  EXPECT_EQ(group().sockets.size(), 1U) << "the unit's one stays";
}

// The unit was restarted: its new socket has joined the group at the end.
TEST_F(KeptSocketsTest, ANewSocketOfTheUnitTakesTheNextSlot) {
  keep_group(2);
  UniqueFd unit = activated(1, address_of(kept(0)).text());
  from_.units.push_back({"web", std::move(unit)});
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_EQ(group().sockets.size(), 3U);
  EXPECT_THAT(group().adopted, ElementsAre(2));
  serve({2});
  EXPECT_THAT(shares_of(50), ElementsAre(0, 0, 50));
}

TEST_F(KeptSocketsTest, BehindAGapNobodyIsUsed) {
  keep_group(4);
  const sys::SocketAddress address = address_of(kept(0));
  config_.listeners[0].address = address.text();
  from_.slots["web"].erase(1);
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_EQ(group().sockets.size(), 1U) << "their numbers in the kernel's group are not known";
  EXPECT_EQ(leftovers(), 2U) << "which may hold connections";
}

TEST_F(KeptSocketsTest, WithoutTheFirstOneThereIsNoGroup) {
  keep_group(2);
  from_.slots["web"].erase(0);
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_FALSE(listeners_.groups().contains("web"));
  EXPECT_EQ(leftovers(), 1U);
}

TEST_F(KeptSocketsTest, WhatIsNoListenerIsLeftOut) {
  keep_group(1);
  config_.listeners[0].address = address_of(kept(0)).text();
  keep(1, UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  keep(0, UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), "api");
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_EQ(group().sockets.size(), 1U);
  EXPECT_FALSE(listeners_.groups().contains("api"));
  EXPECT_EQ(leftovers(), 0U) << "nothing waits there";
}

TEST_F(KeptSocketsTest, AWrongCloneIsLeftOut) {
  keep_group(2);
  config_.listeners[0].address = address_of(kept(0)).text();
  keep(1, activated(1, "127.0.0.1:0"));
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_EQ(group().sockets.size(), 1U);
  EXPECT_EQ(leftovers(), 1U);
}

// Found in review: the one that came first was closed, and with it its queue.
TEST_F(KeptSocketsTest, OfTwoWithOneNameOneIsKeptAndTheOtherIsEmptied) {
  keep_group(2);
  config_.listeners[0].address = address_of(kept(0)).text();
  const uint64_t cookie = sys::socket_cookie(kept(1).get());
  from_.spares.push_back({"web", 1, sys::clone_listener(kept(0).get()).value()});
  ASSERT_TRUE(adopt_kept().ok());
  ASSERT_EQ(group().sockets.size(), 2U);
  EXPECT_EQ(sys::socket_cookie(group().sockets[1].get()), cookie);
  EXPECT_EQ(leftovers(), 1U);
}

TEST_F(KeptSocketsTest, OfTwoWithOneNameTheUnitsOneIsKept) {
  UniqueFd unit = activated(1);
  const uint64_t cookie = sys::socket_cookie(unit.get());
  keep(0, sys::clone_listener(unit.get()).value());
  from_.spares.push_back({"web", 0, copy_of(unit)});
  from_.units.push_back({"web", std::move(unit)});
  ASSERT_TRUE(adopt_kept().ok());
  ASSERT_EQ(group().sockets.size(), 1U);
  EXPECT_EQ(sys::socket_cookie(group().sockets[0].get()), cookie);
  EXPECT_THAT(group().adopted, ElementsAre(0));
  EXPECT_EQ(leftovers(), 1U);
}

TEST_F(KeptSocketsTest, OfTwoWithOneNameTheOneThatListensIsKept) {
  keep_group(1);
  config_.listeners[0].address = address_of(kept(0)).text();
  UniqueFd listener = std::exchange(from_.slots["web"][0], UniqueFd(::eventfd(0, EFD_CLOEXEC)));
  from_.spares.push_back({"web", 0, std::move(listener)});
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_EQ(group().sockets.size(), 1U);
  EXPECT_EQ(leftovers(), 0U) << "nothing waits there";
}

TEST_F(KeptSocketsTest, AUnitThatHasMovedIsServedBesideTheOneBefore) {
  keep_group(2);
  const sys::SocketAddress before = address_of(kept(0));
  UniqueFd unit = activated(1, "127.0.0.2:0");
  const sys::SocketAddress now = address_of(unit);
  from_.units.push_back({"web", std::move(unit)});
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_EQ(group().address, now);
  ASSERT_EQ(listeners_.renamed().size(), 1U);
  EXPECT_EQ(listeners_.renamed().begin()->first, "web");
  const std::string moved = listeners_.renamed().begin()->second;
  EXPECT_EQ(group(moved).address, before);
  EXPECT_EQ(group(moved).sockets.size(), 2U);
}

TEST_F(KeptSocketsTest, AnotherNameForTheSameAddressIsARenaming) {
  keep_group(2);
  config_.listeners = {listener("front", address_of(kept(0)).text())};
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_EQ(listeners_.key_of(config_.listeners[0]), "front");
  EXPECT_EQ(group("front").sockets.size(), 2U);
  EXPECT_FALSE(listeners_.groups().contains("web"));
  EXPECT_EQ(listeners_.renamed().at("web"), "front");
}

TEST_F(KeptSocketsTest, AListenerThatIsConfiguredNoMoreIsHeldUntilItIsForgotten) {
  keep_group(2);
  const sys::SocketAddress address = address_of(kept(0));
  config_.listeners = {listener("api")};
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_TRUE(listeners_.groups().contains("web"));
  EXPECT_TRUE(connect_to(address));
  listeners_.keep_only({"api"});
  EXPECT_FALSE(connect_to(address));
}

// --- the fd store

TEST_F(ListenersTest, EverySocketIsKeptByItsSlotAndForgottenWhenItIsClosed) {
  FakeManager manager(directory_.path("n"));
  const auto slots = [&manager] {
    std::vector<std::string> names;
    for (std::string& name : manager.names()) {
      if (name.starts_with("sockherd.slot.")) names.push_back(std::move(name));
    }
    return names;
  };
  ASSERT_TRUE(adopt("web", activated(1)).ok());
  ensure(config_.listeners[0], 2);
  ensure(config_.listeners[1], 1);
  EXPECT_THAT(slots(),
              ElementsAre("sockherd.slot.0.api", "sockherd.slot.0.web", "sockherd.slot.1.web"));
  listeners_.keep_only({"web"});
  EXPECT_THAT(slots(), ElementsAre("sockherd.slot.0.web", "sockherd.slot.1.web"));
  listeners_.forget_clones();
  EXPECT_THAT(slots(), ElementsAre("sockherd.slot.0.web"));
}

// A socket that is kept already is not kept under a second name, so the first goes before.
TEST_F(KeptSocketsTest, ARenamedListenerIsKeptUnderItsNewName) {
  FakeManager manager(directory_.path("n"));
  keep_group(2);
  config_.listeners = {listener("front", address_of(kept(0)).text())};
  ASSERT_TRUE(adopt_kept().ok());
  EXPECT_THAT(manager.names(), ElementsAre("sockherd.slot.0.front", "sockherd.slot.1.front"));
}

TEST_F(ListenersTest, WhatWasKeptComesBackAsItWas) {
  FakeManager manager(directory_.path("n"));
  ensure(config_.listeners[0], 3);
  serve({0, 2});
  config_.listeners[0].address = group().address.text();
  FdStore store;
  Listeners successor(store);
  Inheritance from = manager.inheritance();
  ASSERT_TRUE(successor.adopt(from, config_).ok());
  const Listeners::Group& again = successor.groups().at("web");
  ASSERT_EQ(again.sockets.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(sys::socket_cookie(again.sockets[i].get()),
              sys::socket_cookie(group().sockets[i].get()));
  }
  ASSERT_TRUE(successor.ensure(config_.listeners[0], 3).ok());
  EXPECT_THAT(shares_of(100), ElementsAre(Gt(0), 0, Gt(0))) << "steered as before";
}

// --- a socket for each thread

TEST_F(ListenersTest, WithOneThreadNumbersAreSlots) {
  ensure(config_.listeners[0], 3);
  for (uint32_t slot = 0; slot < 3; ++slot) {
    EXPECT_THAT(listeners_.numbers("web", slot), ElementsAre(slot));
  }
  EXPECT_THAT(listeners_.numbers("web", 3), IsEmpty());
  EXPECT_THAT(listeners_.numbers("nobody", 0), IsEmpty());
}

TEST_F(ListenersTest, ASocketKeepsItsNumberAndItsOwnerWhenThreadsChange) {
  ensure(config_.listeners[0], 2);
  serve({0, 1});
  ensure(config_.listeners[0], 2, 2);
  EXPECT_THAT(listeners_.numbers("web", 0), ElementsAre(0, 2));
  EXPECT_THAT(listeners_.numbers("web", 1), ElementsAre(1, 3));
  EXPECT_THAT(shares_of(100), ElementsAre(Gt(0), Gt(0), 0, 0)) << "new ones are masked";
  serve({0, 1, 2, 3});
  EXPECT_THAT(shares_of(400), Each(Gt(0)));
  ensure(config_.listeners[0], 3);
  EXPECT_EQ(group().sockets.size(), 5U);
  EXPECT_THAT(listeners_.numbers("web", 0), ElementsAre(0, 2)) << "its own, whoever serves it";
  EXPECT_THAT(listeners_.numbers("web", 2), ElementsAre(4));
  serve({0, 1, 4});
  EXPECT_THAT(shares_of(300), ElementsAre(Gt(0), Gt(0), 0, 0, Gt(0)));
}

TEST_F(ListenersTest, TheSocketsOfAUnitAreForThreadsAsWell) {
  UniqueFd first = activated(1);
  UniqueFd second = activated(1, address_of(first).text());
  ASSERT_TRUE(adopt("web", std::move(first)).ok());
  ASSERT_TRUE(adopt("web", std::move(second)).ok());
  ensure(config_.listeners[0], 1, 2);
  EXPECT_EQ(group().sockets.size(), 2U) << "no clone";
  EXPECT_THAT(listeners_.numbers("web", 0), ElementsAre(0, 1));
}

TEST_F(ListenersTest, AUnixSocketIsEverybodys) {
  const std::string path = directory_.path("s");
  ensure(listener("web", "unix:" + path), 2, 3);
  EXPECT_EQ(group().sockets.size(), 1U);
  EXPECT_THAT(listeners_.numbers("web", 1), ElementsAre(1));
  EXPECT_EQ(listeners_.socket("web", 1), group().sockets[0].get());
}

TEST_F(ListenersTest, RefusesMoreSocketsThanAProgramCanNumber) {
  ensure(config_.listeners[0], 16, 63);
  EXPECT_FALSE(listeners_.ensure(config_.listeners[0], 17, 64).ok());
}

// By the CPU of the packet, the threads are counted as they are pinned: by slot, then by thread.
TEST_F(ListenersTest, TheCpuCountsThroughThreadsInTheOrderOfSlots) {
  config_.listeners[0].balance = "cpu";
  ensure(config_.listeners[0], 2);
  ensure(config_.listeners[0], 2, 2);
  serve({0, 1, 2, 3});
  const auto thread = sys::Thread::start("client", [this] {
    const std::vector<uint32_t> cpus = sys::allowed_cpus();
    for (const uint32_t cpu : {cpus.front(), cpus.back()}) {
      ASSERT_TRUE(sys::pin_to(cpu).ok());
      constexpr uint32_t kOrder[] = {0, 2, 1, 3};  // numbers, by slot and thread
      std::vector<int> expected(4, 0);
      expected[kOrder[cpu % 4]] = 20;
      EXPECT_EQ(shares_of(20), expected) << "CPU " << cpu;
    }
  });
  ASSERT_TRUE(thread.ok());
}

TEST_F(ListenersTest, OwnersComeBackAsTheyWereWrittenDown) {
  FakeManager manager(directory_.path("n"));
  ensure(config_.listeners[0], 2, 2);
  ensure(config_.listeners[0], 3, 1);
  config_.listeners[0].address = group().address.text();
  SocketOwners owners = listeners_.owners();
  for (const bool has_twice : {false, true}) {
    if (has_twice) owners["web"][3] = owners["web"][0];  // from there on they mean nothing
    FdStore store;
    Listeners successor(store);
    Inheritance from = manager.inheritance();
    ASSERT_TRUE(successor.adopt(from, config_, &owners).ok());
    EXPECT_THAT(successor.numbers("web", 0), ElementsAre(0, 2));
    EXPECT_EQ(successor.numbers("web", 1).size(), has_twice ? 1U : 2U);
    ASSERT_TRUE(successor.ensure(config_.listeners[0], 3, 2).ok());
    EXPECT_EQ(successor.groups().at("web").sockets.size(), 6U) << "what was nobody's comes first";
  }
  const SocketOwners lost;
  Listeners anew(store_);
  Inheritance from = manager.inheritance();
  ASSERT_TRUE(anew.adopt(from, config_, &lost).ok());
  ASSERT_TRUE(anew.ensure(config_.listeners[0], 1, 5).ok());
  EXPECT_THAT(anew.numbers("web", 0), ElementsAre(0, 1, 2, 3, 4)) << "none is made";
}

// --- parked

TEST_F(ListenersTest, AParkedListenerThatWeBoundLetsNobodyNewIn) {
  ensure(config_.listeners[0], 2);
  serve({0, 1});
  const UniqueFd early = connect_to(group().address);
  ASSERT_TRUE(listeners_.park("web").ok());
  const UniqueFd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sys::SocketAddress address = group().address;
  EXPECT_EQ(::connect(late.get(), address.get(), address.size()), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  int waiting = 0;
  for (const UniqueFd& socket : group().sockets) waiting += accept_all(socket);
  EXPECT_EQ(waiting, 1) << "who was in before is still there";
  if (::geteuid() != 0) return;  // opening the door again takes a privilege
  serve({0, 1});
  EXPECT_TRUE(connect_to(address));
}

TEST_F(ListenersTest, ParkingTwiceOrNobodyIsNoError) {
  ensure(config_.listeners[0], 1);
  EXPECT_TRUE(listeners_.park("web").ok());
  EXPECT_TRUE(listeners_.park("web").ok());
  EXPECT_TRUE(listeners_.park("nobody").ok());
  EXPECT_TRUE(listeners_.serve("nobody", {0}).ok());
}

}  // namespace
}  // namespace sockherd::supervisor
