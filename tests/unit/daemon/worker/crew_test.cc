#include "daemon/worker/crew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/sys/packet_socket.h"
#include "daemon/worker/control.h"
#include "tests/unit/daemon/io/loopback.h"
#include "tests/unit/daemon/worker/harness.h"

namespace sockherd::worker {
namespace {

using contract::Message;
using contract::Verb;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kWho = "GET /whoami HTTP/1.1\r\nHost: h\r\n\r\n";

// A worker with three threads. The lane of the main thread is the harness; the others have the
// sockets 1 and 2 of "web", as the supervisor numbers them.
class CrewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = sys::create_packet_pair();
    ASSERT_TRUE(pair.ok());
    supervisor_ = std::move(pair->ours);
    auto control = Control::create(harness_.service(), acceptors_, std::move(pair->theirs),
                                   {.on_drain = [] {}, .on_hang_up = [this] { ++hang_ups_; }});
    ASSERT_TRUE(control.ok());
    control_ = std::move(control).value();
    pool_.name = "web";
    pool_.routes.push_back({.path = "/", .module = "demo"});
  }

  Crew::Member member(uint32_t thread, UniqueFd listener) {
    Identity identity{.pool = "web", .slot = 0, .thread = thread, .threads = 3};
    Crew::Member made{{&pool_, std::move(identity), Limits{}, std::nullopt, &harness_.modules()},
                      {}};
    made.part.listeners.push_back({{"web", thread}, std::move(listener)});
    return made;
  }
  void create() {
    std::vector<Crew::Member> members;
    for (const uint32_t thread : {1U, 2U})
      members.push_back(member(thread, io::duplicate(own_[thread])));
    auto crew = Crew::create(harness_.loop(), std::move(members), control_->socket());
    ASSERT_TRUE(crew.ok()) << crew.error().what;
    crew_ = std::move(crew).value();
    control_->share_with(*crew_, {{{"web", 0}, 0}, {{"web", 1}, 1}, {{"web", 2}, 2}});
  }
  void start() {
    create();
    crew_->start();
  }

  void order(Verb verb, uint32_t slot, int passed = -1) {
    const Message message{.verb = verb, .listener = "web", .slot = slot};
    ASSERT_TRUE(sys::send_packet(supervisor_.get(), encode(message), passed).ok());
    harness_.run();
  }
  // What a thread has said to the supervisor, with what came along.
  std::optional<Message> heard(UniqueFd* fd = nullptr) {
    pollfd entry{supervisor_.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&entry, 1, 10'000), 1);
    sys::Packet packet = sys::receive_packet(supervisor_.get());
    if (fd != nullptr) *fd = std::move(packet.fd);
    return contract::parse(packet.bytes);
  }
  // Waits for an answer of a thread.
  std::string answer(Client& client) {
    pollfd entry{client.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&entry, 1, 10'000), 1);
    return client.read();
  }
  std::string ask(Client& client) {
    client.send(kWho);
    return answer(client);
  }
  void drain() {
    harness_.drain();
    crew_->post_to_all(Order::Kind::Drain);
  }
  // Turns the main loop, which the bell wakes, until the crew has nothing left.
  void await_empty() {
    for (int i = 0; i < 1000 && !crew_->is_empty(); ++i) {
      harness_.loop().turn(harness_.loop().now() + std::chrono::seconds(10));
    }
    EXPECT_TRUE(crew_->is_empty());
  }

  Harness harness_;
  Acceptors acceptors_{harness_.service()};
  config::Pool pool_;
  std::vector<UniqueFd> own_ = [] {
    std::vector<UniqueFd> sockets;
    for (int i = 0; i < 3; ++i) sockets.push_back(io::listen_on_loopback());
    return sockets;
  }();
  UniqueFd other_ = io::listen_on_loopback();  // of a sibling
  UniqueFd supervisor_;
  std::unique_ptr<Control> control_;
  int hang_ups_ = 0;
  std::unique_ptr<Crew> crew_;  // ends before the control socket
};

TEST_F(CrewTest, EachThreadServesItsOwnSocket) {
  start();
  for (const uint32_t thread : {1U, 2U}) {
    Client client(io::connect_to(own_[thread].get()));
    EXPECT_THAT(ask(client), HasSubstr("\"thread\":" + std::to_string(thread)));
  }
}

TEST_F(CrewTest, NobodyIsServedBeforeTheStart) {
  create();
  Client client(io::connect_to(own_[1].get()));
  client.send(kWho);
  crew_.reset();
  EXPECT_TRUE(UniqueFd(::accept(own_[1].get(), nullptr, nullptr))) << "it waits in the queue";
}

TEST_F(CrewTest, SaysWhyALaneCannotBeMade) {
  std::vector<Crew::Member> members;
  members.push_back(member(1, io::duplicate(own_[1])));
  members.push_back(member(2, UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))));
  const auto crew = Crew::create(harness_.loop(), std::move(members), -1);
  ASSERT_FALSE(crew.ok());
  EXPECT_EQ(crew.error().code, kExitUsage);
  EXPECT_THAT(crew.error().what, HasSubstr("listener web: is a socket that does not listen"));
}

TEST_F(CrewTest, ASiblingsSocketIsTakenByOneAndDroppedByTheSame) {
  start();
  for (const uint32_t number : {7U, 8U, 9U}) {
    UniqueFd socket = io::listen_on_loopback();
    order(Verb::Take, number, socket.get());
    EXPECT_EQ(heard(), (Message{.verb = Verb::Taken, .listener = "web", .slot = number}));
    Client client(io::connect_to(socket.get()));
    client.send(kWho);
    harness_.run();
    EXPECT_THAT(answer(client), HasSubstr("200 OK"));
    order(Verb::Drop, number);
    EXPECT_EQ(heard(), (Message{.verb = Verb::Dropped, .listener = "web", .slot = number}));
    const UniqueFd late = io::connect_to(socket.get());
    EXPECT_TRUE(UniqueFd(::accept(socket.get(), nullptr, nullptr)));
  }
}

TEST_F(CrewTest, OneThatIsAskedEmptiesAQueue) {
  start();
  for (int i = 0; i < 3; ++i) {
    Client client(io::connect_to(other_.get()));
    client.send(kWho);
    order(Verb::Empty, 5, other_.get());
    EXPECT_EQ(heard(), (Message{.verb = Verb::Emptied, .listener = "web", .slot = 5}));
    harness_.run();
    EXPECT_THAT(answer(client), HasSubstr("200 OK"));
  }
}

TEST_F(CrewTest, AnAdoptedConnectionGoesWhereItsSocketIs) {
  start();
  const UniqueFd listener = io::listen_on_loopback();
  Client client(io::connect_to(listener.get()));
  const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
  order(Verb::Adopt, 2, accepted.get());
  EXPECT_THAT(ask(client), HasSubstr("\"thread\":2"));
}

TEST_F(CrewTest, ThoseOfOtherSocketsAreSpread) {
  start();
  std::map<std::string, int> threads;
  for (int i = 0; i < 6; ++i) {
    const UniqueFd listener = io::listen_on_loopback();
    Client client(io::connect_to(listener.get()));
    const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
    order(Verb::Adopt, 77, accepted.get());
    client.send(kWho);
    harness_.run();
    const std::string text = answer(client);
    const size_t at = text.find("\"thread\":");
    ++threads[at == std::string::npos ? "main" : text.substr(at + 9, 1)];
  }
  EXPECT_EQ(threads, (std::map<std::string, int>{{"main", 2}, {"1", 2}, {"2", 2}}));
}

TEST_F(CrewTest, AllGiveTheirIdleConnectionsAway) {
  start();
  std::vector<Client> clients;
  for (const uint32_t thread : {1U, 2U}) {
    clients.emplace_back(io::connect_to(own_[thread].get()));
    ask(clients.back());
  }
  order(Verb::Move, 0);
  drain();
  std::vector<uint32_t> given;
  for (size_t i = 0; i < clients.size(); ++i) {
    UniqueFd fd;
    const auto message = heard(&fd);
    ASSERT_TRUE(message && fd);
    EXPECT_EQ(message->verb, Verb::Give);
    given.push_back(message->slot);
  }
  EXPECT_THAT(given, testing::UnorderedElementsAre(1, 2));
  await_empty();
  EXPECT_FALSE(control_->is_busy()) << "all that was given has been read";
}

TEST_F(CrewTest, ADrainEndsWithTheLastAnswer) {
  start();
  Client client(io::connect_to(own_[2].get()));
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
  Client idle(io::connect_to(own_[1].get()));
  ask(idle);
  drain();
  EXPECT_FALSE(crew_->is_empty());
  client.send("cd");
  EXPECT_THAT(answer(client), HasSubstr("\r\n\r\nabcd"));
  client.close();
  idle.close();
  await_empty();
}

// It may be taken back at any time, so the thread is there until the whole worker ends.
TEST_F(CrewTest, WhatComesBackInADrainIsServed) {
  start();
  drain();
  await_empty();
  const UniqueFd listener = io::listen_on_loopback();
  Client client(io::connect_to(listener.get()));
  const UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
  order(Verb::Adopt, 1, accepted.get());
  const std::string text = ask(client);
  EXPECT_THAT(text, HasSubstr("\"thread\":1"));
  EXPECT_THAT(text, HasSubstr("Connection: close"));
  client.close();
  await_empty();
}

TEST_F(CrewTest, TheHangUpOfTheSupervisorIsNoEndOfServing) {
  start();
  supervisor_.reset();
  harness_.run();
  EXPECT_EQ(hang_ups_, 1);
  EXPECT_FALSE(control_->is_busy());
  Client client(io::connect_to(own_[1].get()));
  EXPECT_THAT(ask(client), HasSubstr("200 OK"));
}

}  // namespace
}  // namespace sockherd::worker
