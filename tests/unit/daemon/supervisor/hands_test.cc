#include "daemon/supervisor/hands.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <deque>
#include <filesystem>
#include <map>

#include "daemon/base/clock.h"
#include "daemon/supervisor/generation.h"
#include "daemon/sys/listen_socket.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/supervisor/manager.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

// A pool whose workers write their environment to a file and exit.
constexpr char kText[] = R"(
[listener.web]
address = "127.0.0.1:1"
[pool.web]
listeners = ["web"]
workers = 2
command = ["/bin/sh", "-c", "env > $OUT; exit 5"]
environment = ["MODE=slot{slot}"]
)";

// The same pool after a reload that gave it one more listener.
constexpr char kMoreListeners[] = R"(
[listener.web]
address = "127.0.0.1:1"
[listener.more]
address = "127.0.0.1:2"
[pool.web]
listeners = ["web", "more"]
workers = 2
command = ["/bin/sh", "-c", "echo $LISTEN_FDS $LISTEN_FDNAMES > $OUT"]
)";

// Workers that stay.
constexpr char kStaying[] = R"(
[listener.web]
address = "127.0.0.1:1"
[pool.web]
listeners = ["web"]
workers = 4
command = ["/bin/sleep", "60"]
)";

// Workers that tell when they do not go by a signal any more, and that are probed.
constexpr char kStubborn[] = R"sh(
[listener.web]
address = "127.0.0.1:1"
[listener.more]
address = "127.0.0.1:2"
[pool.web]
listeners = ["more", "web"]
ready = { connect = true }
command = ["/bin/sh", "-c", "trap '' TERM ABRT; echo > $OUT; exec sleep 60"]
)sh";

// Workers of the built-in engine: setup's program.
constexpr char kBuiltin[] = R"(
[listener.web]
address = "127.0.0.1:1"
[pool.web]
listeners = ["web"]
workers = 3
routes = [{ path = "/", module = "demo" }]
)";

constexpr char kThreads[] = R"(
[listener.web]
address = "127.0.0.1:1"
[pool.web]
listeners = ["web"]
workers = 2
threads = 2
routes = [{ path = "/", module = "demo" }]
)";

// Two pools of it.
constexpr char kTwoPools[] = R"(
[listener.web]
address = "127.0.0.1:1"
[listener.api]
address = "127.0.0.1:2"
[pool.web]
listeners = ["web"]
workers = 1
routes = [{ path = "/", module = "demo" }]
[pool.api]
listeners = ["api"]
workers = 1
routes = [{ path = "/", module = "demo" }]
)";

// Stands in for the engine: writes the first thing that it hears on its control socket, and its
// number, to a file.
constexpr char kListener[] = R"sh(#!/bin/sh
number=3
for name in $(echo "$LISTEN_FDNAMES" | tr : ' '); do
  [ "$name" = sockherd.control ] && break
  number=$((number + 1))
done
until [ -s "$OUT.$SOCKHERD_SLOT.part" ]; do  # the socket does not block
  dd bs=4096 count=1 of="$OUT.$SOCKHERD_SLOT.part" <&$number 2>/dev/null
done
mv "$OUT.$SOCKHERD_SLOT.part" "$OUT.$SOCKHERD_SLOT"
exec sleep 60
)sh";

// Stands in for an errand that empties a queue (worker/queue_relay.h): tells when it has begun, and
// when it was relieved.
constexpr char kErrand[] = R"py(#!/usr/bin/python3 -IS
import select, sys
here = sys.argv[0]
open(here + ".begun", "x")
counter = select.poll()
counter.register(4, 0)
counter.poll()
open(here + ".relieved", "x")
)py";

class HandsTest : public LoopTest {
 protected:
  HandsTest() : hands_(make()) {
    directory_.write("listener", kListener);
    std::filesystem::permissions(directory_.path("listener"), std::filesystem::perms::owner_all);
    add(kText, 1);
    prepare(2);
  }
  ~HandsTest() override {
    for (const pid_t pid : living_) ::kill(pid, SIGKILL);
  }

  std::unique_ptr<Hands> make() {
    return std::make_unique<Hands>(
        loop(),
        WorkerSetup{.program = directory_.path("listener"),
                    .runtime_directory = directory_.path(""),
                    .environment = {"MODE=ours", "SOCKHERD_SLOT=outer",
                                    "OUT=" + directory_.path("out"), "PATH=/usr/bin:/bin"},
                    .nofile_soft = 256},
        [this](fleet::Event event) { events_.push_back(std::move(event)); });
  }

  void add(std::string_view text, uint32_t number) {
    directory_.write("c.toml", text);
    auto loaded = load_generation({directory_.path("c.toml"), {}}, number);
    ASSERT_TRUE(loaded.generation) << loaded.faults.front();
    for (config::Listener& listener : loaded.generation->config.listeners) {
      // A free port, which no file may ask for.
      listener.address = address_.empty() ? "127.0.0.1:0" : address_;
    }
    hands().add_generation(std::move(*loaded.generation));
    hands().set_current(number);
  }
  void prepare(uint32_t slots) {
    const config::Config& config = hands().current().config;
    const auto prepared = hands().prepare_slots(config, config.pools[0], slots);
    ASSERT_TRUE(prepared.ok()) << prepared.error().what;
  }

  // Starts workers 1, 2, ... in slots 0, 1, ...
  void spawn(std::string_view text, uint32_t count) {
    add(text, 2);
    prepare(count);
    for (uint32_t slot = 0; slot < count; ++slot) {
      hands().carry_out(fleet::Spawn{slot + 1, "web", slot, 2});
      ASSERT_NE(hands().process(slot + 1), nullptr);
      living_.push_back(hands().process(slot + 1)->pid());
    }
    hands().release_new();
  }
  void serve(const std::vector<uint32_t>& slots) {
    fleet::Serve action{"web", {}};
    for (const uint32_t slot : slots) action.slots.push_back({slot, slot + 1});
    hands().carry_out(action);
  }
  // What worker `slot` heard first.
  std::string heard(uint32_t slot) {
    const std::string path = directory_.path("out." + std::to_string(slot));
    run_until([&path] { return std::filesystem::exists(path); });
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const Listeners::Group& group(const std::string& name = "web") {
    return hands().listeners().groups().at(name);
  }
  Hands& hands() { return *hands_; }

  fleet::WorkerExited spawn_and_wait(const fleet::Spawn& action) {
    hands().carry_out(action);
    hands().release_new();
    run_until([this] { return !events_.empty(); });
    const auto* exited = std::get_if<fleet::WorkerExited>(&events_.front());
    EXPECT_NE(exited, nullptr);
    return exited != nullptr ? *exited : fleet::WorkerExited{};
  }

  // Who has become quiet. On a busy machine workers get ready meanwhile, which takes them a second.
  std::vector<fleet::WorkerId> quiet() const {
    std::vector<fleet::WorkerId> ids;
    for (const fleet::Event& event : events_) {
      if (const auto* one = std::get_if<fleet::WorkerQuiet>(&event)) ids.push_back(one->id);
    }
    return ids;
  }

  std::string output() const {
    std::ifstream file(directory_.path("out"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  worker::TemporaryDirectory directory_;
  worker::TemporaryDirectory managers_;
  FakeManager manager_{managers_.path("notify")};
  std::string address_;  // of all listeners; empty = any port
  std::deque<fleet::Event> events_;
  std::vector<pid_t> living_;
  std::unique_ptr<Hands> hands_;
};

TEST_F(HandsTest, StartsAWorkerInItsSlotAndPostsItsEnd) {
  hands().carry_out(fleet::Spawn{4, "web", 1, 1});
  ASSERT_NE(hands().process(4), nullptr);
  EXPECT_GT(hands().process(4)->pid(), 0);
  EXPECT_EQ(hands().process(5), nullptr);
  hands().release_new();
  run_until([this] { return !events_.empty(); });
  const auto& exited = std::get<fleet::WorkerExited>(events_.front());
  EXPECT_EQ(exited.id, 4U);
  EXPECT_EQ(exited.detail, "exit 5");
  EXPECT_EQ(hands().process(4), nullptr);
  EXPECT_THAT(output(), AllOf(HasSubstr("SOCKHERD_POOL=web\n"), HasSubstr("SOCKHERD_SLOT=1\n"),
                              HasSubstr("SOCKHERD_GENERATION=1\n"), HasSubstr("LISTEN_FDS=1\n"),
                              HasSubstr("LISTEN_FDNAMES=web\n"), HasSubstr("NOTIFY_SOCKET=")));
}

TEST_F(HandsTest, ThePoolsEnvironmentOverridesOursAndNothingOverridesWhatTheSlotIs) {
  spawn_and_wait(fleet::Spawn{1, "web", 0, 1});
  EXPECT_THAT(output(), AllOf(HasSubstr("MODE=slot0\n"), HasSubstr("SOCKHERD_SLOT=0\n"),
                              Not(HasSubstr("ours")), Not(HasSubstr("outer"))));
}

TEST_F(HandsTest, AWorkerThatCanNotBeStartedIsPostedAsOneThatEnded) {
  std::filesystem::remove_all(directory_.path(""));  // nowhere to put the notify socket
  hands().carry_out(fleet::Spawn{9, "web", 0, 1});
  ASSERT_EQ(events_.size(), 1U) << "posted from inside, so the post must queue";
  const auto& exited = std::get<fleet::WorkerExited>(events_.front());
  EXPECT_EQ(exited.id, 9U);
  EXPECT_EQ(exited.kind, fleet::ExitKind::NotStarted);
  EXPECT_THAT(exited.detail, HasSubstr("No such file or directory"));
}

// Found in review: a slot that must be emptied once more after a reload gave its pool another
// listener had no socket there, and the assertion ended the supervisor.
TEST_F(HandsTest, ASlotBeyondTheWantedOnesGetsItsSocketsWhenItNeedsThem) {
  add(kMoreListeners, 2);
  const auto exited = spawn_and_wait(fleet::Spawn{1, "web", 5, 2});
  EXPECT_EQ(exited.detail, "exit 0");
  EXPECT_EQ(output(), "2 web:more\n");
}

// Whoever comes after us must know of a worker before it does anything.
TEST_F(HandsTest, AWorkerDoesNothingBeforeItIsReleased) {
  hands().carry_out(fleet::Spawn{1, "web", 0, 1});
  const std::string program = "/proc/" + std::to_string(hands().process(1)->pid()) + "/exe";
  EXPECT_EQ(std::filesystem::read_symlink(program), std::filesystem::read_symlink("/proc/self/exe"))
      << "it has not become its program yet";
  hands().release_new();
  run_until([this] { return !events_.empty(); });
  EXPECT_EQ(std::get<fleet::WorkerExited>(events_.front()).detail, "exit 5");
}

// --- signals

// The one that it was started with, whatever is configured by then.
TEST_F(HandsTest, ACommandIsToldToGoByTheSignalsOfItsPool) {
  const std::string before =
      std::string(kStaying) + "stop_signal = \"SIGINT\"\nabort_signal = \"SIGQUIT\"\n";
  spawn(before, 2);
  add(kStaying, 3);
  hands().carry_out(fleet::Drain{1});
  hands().carry_out(fleet::Abort{2});
  run_until([this] { return events_.size() == 2; });
  std::map<fleet::WorkerId, std::string> ends;
  for (const fleet::Event& event : events_) {
    const auto& exited = std::get<fleet::WorkerExited>(event);
    ends[exited.id] = exited.detail;
  }
  EXPECT_EQ(ends[1], "signal INT");
  EXPECT_EQ(ends[2], "signal QUIT");
}

// --- quiet

TEST_F(HandsTest, WorkersThatLeaveTogetherAreQuietTogether) {
  spawn(kStaying, 4);
  serve({0, 1, 2, 3});
  serve({0});
  for (const fleet::WorkerId id : {2U, 3U, 4U}) hands().carry_out(fleet::AwaitQuiet{id});
  EXPECT_THAT(quiet(), IsEmpty()) << "never from inside";
  run_until([this] { return quiet().size() == 3; });
  EXPECT_THAT(quiet(), UnorderedElementsAre(2U, 3U, 4U));
}

// The older watch has noted the handshakes of an earlier steer.
TEST_F(HandsTest, AWorkerThatLeavesAgainIsQuietOnce) {
  spawn(kStaying, 2);
  serve({0, 1});
  serve({0});
  hands().carry_out(fleet::AwaitQuiet{2});
  serve({0, 1});
  serve({0});
  hands().carry_out(fleet::AwaitQuiet{2});
  hands().carry_out(fleet::AwaitQuiet{77});  // has gone meanwhile
  run_until([this] { return !quiet().empty(); });
  Watch timer;
  bool is_over = false;
  timer = Watch::timer(loop(), [&is_over] { is_over = true; }).value();
  timer.arm(monotonic_now() + std::chrono::milliseconds(100));
  run_until([&is_over] { return is_over; });
  EXPECT_THAT(quiet(), ElementsAre(2U));
}

TEST_F(HandsTest, AWorkerIsNotQuietAsLongAsSomebodyWaitsInItsQueue) {
  spawn(kStaying, 2);
  serve({0, 1});
  serve({1});
  const UniqueFd client = sys::connect_to(group().address);
  serve({0});
  hands().carry_out(fleet::AwaitQuiet{2});
  Watch timer;
  bool is_over = false;
  timer = Watch::timer(loop(), [&is_over] { is_over = true; }).value();
  timer.arm(monotonic_now() + std::chrono::milliseconds(100));
  run_until([&is_over] { return is_over; });
  EXPECT_THAT(quiet(), IsEmpty());
  EXPECT_EQ(sys::accept_all(group().sockets[1]), 1);
  run_until([this] { return !quiet().empty(); });
  EXPECT_THAT(quiet(), ElementsAre(2U));
}

// --- slots of siblings

TEST_F(HandsTest, ASlotIsLentOverTheControlSocket) {
  spawn(kBuiltin, 2);
  hands().carry_out(fleet::Lend{"web", 1, 1});
  EXPECT_EQ(heard(0), contract::encode({contract::Verb::Take, "web", 1}));
  hands().carry_out(fleet::TakeBack{"web", 1, 2});
  EXPECT_EQ(heard(1), contract::encode({contract::Verb::Drop, "web", 1}));
  hands().carry_out(fleet::Lend{"web", 1, 77});
  hands().carry_out(fleet::TakeBack{"web", 1, 77});
}

TEST_F(HandsTest, AWorkerWithThreadsHasASocketAndASeatForEach) {
  spawn(kThreads, 2);
  const Hands::Running& second = hands().running().at(2);
  EXPECT_THAT(second.sockets.at("web"), ElementsAre(1, 3));
  EXPECT_EQ(second.seats.size(), 2U);
  EXPECT_EQ(hands().statistics().counters("web", second.seats[1]).get(stats::Count::Requests), 0U);
  serve({1});
  EXPECT_THAT(group().served, ElementsAre(1, 3));
}

TEST_F(HandsTest, AWorkerWithFewerThreadsHasAllSocketsOfItsSlot) {
  spawn(kThreads, 2);
  add(kBuiltin, 3);
  prepare(3);
  hands().carry_out(fleet::Spawn{7, "web", 1, 3});
  living_.push_back(hands().process(7)->pid());
  EXPECT_THAT(hands().running().at(7).sockets.at("web"), ElementsAre(1, 3));
  hands().carry_out(fleet::Serve{"web", {{1, 7}}});
  EXPECT_THAT(group().served, ElementsAre(1)) << "one for its one thread";
}

TEST_F(HandsTest, ASlotIsLentWithAllItsSockets) {
  spawn(kThreads, 2);
  const UniqueFd control(::fcntl(hands().process(1)->control_fd(), F_DUPFD_CLOEXEC, 3));
  hands().carry_out(fleet::Lend{"web", 1, 1});
  EXPECT_EQ(heard(0), contract::encode({contract::Verb::Take, "web", 1}));
  int unread = 0;
  ASSERT_EQ(::ioctl(control.get(), SIOCOUTQ, &unread), 0);
  EXPECT_GT(unread, 0) << "the second one waits to be read";
}

TEST_F(HandsTest, WhatWaitsWhereNobodyAcceptsIsGivenToAWorker) {
  spawn(kBuiltin, 3);
  serve({2});
  const UniqueFd client = sys::connect_to(group().address);
  serve({0, 1});
  std::map<fleet::WorkerId, fleet::Worker> workers;
  for (const uint32_t slot : {0U, 1U}) {
    workers[slot + 1] = {.id = slot + 1,
                         .pool = "web",
                         .slot = slot,
                         .listeners = {"web"},
                         .phase = fleet::Phase::Ready};
  }
  hands().sweep(workers);
  EXPECT_EQ(heard(0), contract::encode({contract::Verb::Empty, "web", 2}));
}

// Found in review: while a pool had no worker, another pool's answered its clients.
TEST_F(HandsTest, WhatWaitsForAPoolIsNotGivenToAnother) {
  spawn(kTwoPools, 1);
  serve({0});
  const config::Config& config = hands().current().config;
  ASSERT_TRUE(hands().prepare_slots(config, config.pools[1], 1).ok());
  std::map<fleet::WorkerId, fleet::Worker> workers;
  workers[1] = {.id = 1, .pool = "web", .listeners = {"web"}, .phase = fleet::Phase::Ready};
  std::vector<UniqueFd> leftovers;
  leftovers.push_back(sys::clone_listener(group("api").sockets[0].get()).value());
  const auto has_guests = [](const UniqueFd& socket) {
    return sys::accept_queue(socket.get()).length > 0;
  };
  std::vector<UniqueFd> clients;  // the kernel's hash says where
  while (!has_guests(group("api").sockets[0]) || !has_guests(leftovers[0])) {
    clients.push_back(sys::connect_to(group("api").address));
    ASSERT_LT(clients.size(), 200U);
  }
  hands().retire(std::move(leftovers));
  hands().sweep(workers);
  hands().carry_out(fleet::Lend{"web", 0, 1});  // the first thing that it hears
  EXPECT_EQ(heard(0), contract::encode({contract::Verb::Take, "web", 0}));
}

// What nobody wants any more is emptied by whoever is there.
TEST_F(HandsTest, WhatWaitsAtAnAddressOfBeforeIsGivenToAnybody) {
  spawn(kBuiltin, 1);
  serve({0});
  std::vector<UniqueFd> leftovers;
  leftovers.push_back(
      sys::bind_listener(sys::parsed("127.0.0.1:0"), sys::Sharing::ReusePort, 16, 0).value());
  const UniqueFd client = sys::connect_to(sys::address_of(leftovers[0]));
  hands().retire(std::move(leftovers));
  std::map<fleet::WorkerId, fleet::Worker> workers;
  workers[1] = {.id = 1, .pool = "web", .listeners = {"web"}, .phase = fleet::Phase::Ready};
  hands().sweep(workers);
  EXPECT_EQ(heard(0), contract::encode({contract::Verb::Empty, "leftover", 0}));
}

TEST_F(HandsTest, AnErrandLeavesAQueueToTheWorkerOfItsSlot) {
  directory_.write("listener", kErrand);
  spawn(std::string(kStaying) + "adopt_after = \"1ms\"\n", 2);
  serve({0});
  const UniqueFd client = sys::connect_to(group().address);
  serve({1});
  std::map<fleet::WorkerId, fleet::Worker> workers;
  const auto add_ready = [&workers](uint32_t slot) {
    workers[slot + 1] = {.id = slot + 1, .pool = "web", .slot = slot, .phase = fleet::Phase::Ready};
  };
  add_ready(1);
  run_until([&] {
    hands().sweep(workers);
    return std::filesystem::exists(directory_.path("listener.begun"));
  });
  EXPECT_FALSE(std::filesystem::exists(directory_.path("listener.relieved")));
  add_ready(0);
  hands().sweep(workers);
  run_until([&] { return std::filesystem::exists(directory_.path("listener.relieved")); });
}

// The engine would answer what is not for it.
TEST_F(HandsTest, WhatWaitsAtAnotherSocketOfACommandIsPassedOn) {
  directory_.write("listener", kErrand);
  spawn(std::string(kStaying) + "adopt_after = \"1ms\"\n", 1);
  std::vector<UniqueFd> leftovers;
  leftovers.push_back(sys::clone_listener(group().sockets[0].get()).value());
  std::vector<UniqueFd> clients;  // the kernel's hash says where
  while (sys::accept_queue(leftovers[0].get()).length == 0) {
    clients.push_back(sys::connect_to(group().address));
    ASSERT_LT(clients.size(), 200U);
  }
  for (const UniqueFd& socket : group().sockets) sys::accept_all(socket);
  serve({0});
  hands().retire(std::move(leftovers));
  std::map<fleet::WorkerId, fleet::Worker> workers;
  workers[1] = {.id = 1, .pool = "web", .listeners = {"web"}, .phase = fleet::Phase::Ready};
  run_until([&] {
    hands().sweep(workers);
    return hands().relays().is_at({"leftover", 0});
  });
}

// --- probes

// Found in review: a listener that a failed reload has taken back was asked for its address.
TEST_F(HandsTest, AWorkerThatIsToldToGoIsNotProbedAnyMore) {
  ASSERT_EQ(::mkfifo(directory_.path("out").c_str(), 0600), 0);
  const UniqueFd told(::open(directory_.path("out").c_str(), O_RDWR | O_CLOEXEC));
  spawn(kStubborn, 2);
  for (const fleet::Event& event : events_) {
    EXPECT_EQ(std::get<fleet::WorkerAwaits>(event).what, "it has accepted no connection");
  }
  events_.clear();
  char line[2];
  for (int i = 0; i < 2; ++i) {  // the loop does not run meanwhile, so nothing has been probed yet
    ASSERT_TRUE(sys::wait_readable(told.get()));
    ASSERT_EQ(::read(told.get(), line, 1), 1);
  }
  hands().carry_out(fleet::Drain{1});
  hands().carry_out(fleet::Abort{2});
  hands().set_current(1);
  for (int i = 0; i < 3; ++i) hands().sweep({});
  ASSERT_FALSE(hands().listeners().groups().contains("more"));
  bool is_over = false;
  Watch timer = Watch::timer(loop(), [&is_over] { is_over = true; }).value();
  timer.arm(monotonic_now());  // later than theirs
  run_until([&is_over] { return is_over; });
  EXPECT_TRUE(events_.empty());
}

// --- listeners that come and go

// Found in review: a failed reload closed listeners that old workers still drained.
TEST_F(HandsTest, AListenerIsKeptAsLongAsSomebodyNeedsIt) {
  add(kMoreListeners, 2);
  prepare(2);
  hands().set_current(1);
  std::map<fleet::WorkerId, fleet::Worker> workers;
  workers[3] = {.id = 3,
                .pool = "web",
                .generation = 2,
                .listeners = {"web", "more"},
                .phase = fleet::Phase::Ready};
  for (int i = 0; i < 3; ++i) hands().sweep(workers);
  EXPECT_TRUE(hands().listeners().groups().contains("more"));
  for (int i = 0; i < 3; ++i) hands().sweep({});
  EXPECT_FALSE(hands().listeners().groups().contains("more"));
  EXPECT_TRUE(hands().listeners().groups().contains("web"));
}

// Found in review: its door was closed while its pool waited for another, or for the next attempt.
TEST_F(HandsTest, AListenerOfAReloadUnderWayStaysOpen) {
  add(kMoreListeners, 2);
  prepare(1);
  hands().set_current(1);
  hands().forget_unused({}, {2});
  for (int i = 0; i < 3; ++i) hands().sweep({});
  ASSERT_TRUE(hands().listeners().groups().contains("more"));
  EXPECT_FALSE(group("more").is_parked);
  EXPECT_TRUE(sys::connect_to(group("more").address));
  for (const UniqueFd& socket : group("more").sockets) sys::accept_all(socket);
  hands().forget_unused({}, {});  // it has failed
  for (int i = 0; i < 3; ++i) hands().sweep({});
  EXPECT_FALSE(hands().listeners().groups().contains("more"));
}

TEST_F(HandsTest, AListenerIsNotClosedAsLongAsSomebodyWaitsThere) {
  add(kMoreListeners, 2);
  prepare(1);
  hands().set_current(1);
  const UniqueFd client = sys::connect_to(group("more").address);
  for (int i = 0; i < 3; ++i) hands().sweep({});
  ASSERT_TRUE(hands().listeners().groups().contains("more"));
  for (const UniqueFd& socket : group("more").sockets) sys::accept_all(socket);
  for (int i = 0; i < 3; ++i) hands().sweep({});
  EXPECT_FALSE(hands().listeners().groups().contains("more"));
}

// --- a predecessor's workers

// Hands are replaced by others, as in a restart.
class SuccessorTest : public HandsTest {
 protected:
  // What the predecessor would have written.
  SavedState saved(uint32_t workers) {
    SavedState state;
    state.past.next_id = workers + 1;
    state.past.pools["web"] = {.desired = workers,
                               .spec_workers = workers,
                               .slots = std::vector<fleet::PastSlot>(workers)};
    for (const auto& [id, worker] : hands().running()) {
      state.past.workers.push_back({.id = id,
                                    .pool = worker.pool,
                                    .slot = worker.slot,
                                    .generation = 2,
                                    .phase = fleet::Phase::Ready,
                                    .owns_slot = true,
                                    .listeners = worker.listeners});
      state.places[id] = {
          .pid = worker.process->pid(), .seats = worker.seats, .is_builtin = worker.is_builtin};
    }
    return state;
  }
  void succeed(std::string_view text) {
    address_ = group().address.text();
    Inheritance from = manager_.inheritance();
    hands_.reset();
    events_.clear();
    hands_ = make();
    directory_.write("c.toml", text);
    auto loaded = load_generation({directory_.path("c.toml"), {}}, 3);
    ASSERT_TRUE(loaded.generation);
    for (config::Listener& listener : loaded.generation->config.listeners) {
      listener.address = address_;
    }
    ASSERT_TRUE(hands().listeners().adopt(from, loaded.generation->config).ok());
    hands().add_generation(std::move(*loaded.generation));
    hands().set_current(3);
    prepare(2);
    from_ = std::move(from);
  }

  Inheritance from_;
};

TEST_F(SuccessorTest, TakesLivingWorkersOver) {
  spawn(kStaying, 2);
  SavedState state = saved(2);
  succeed(kStaying);
  hands().adopt(from_, state);
  EXPECT_EQ(state.past.workers.size(), 2U);
  ASSERT_NE(hands().process(2), nullptr);
  EXPECT_EQ(hands().process(2)->pid(), state.places[2].pid);
  hands().carry_out(fleet::Drain{2});
  run_until([this] { return !events_.empty(); });
  const auto& exited = std::get<fleet::WorkerExited>(events_.front());
  EXPECT_EQ(exited.id, 2U);
  EXPECT_EQ(exited.kind, fleet::ExitKind::Unknown);
  EXPECT_EQ(exited.pid, state.places[2].pid);
}

TEST_F(SuccessorTest, HearsWhatWasSaidWhileNobodyWasThere) {
  spawn(kStaying, 1);
  SavedState state = saved(1);
  const auto address = sys::parsed("unix:" + directory_.path("notify.1"));
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::sendto(socket.get(), "READY=1", 7, 0, address.get(), address.size()), 7);
  succeed(kStaying);
  hands().adopt(from_, state);
  run_until([this] { return !events_.empty(); });
  EXPECT_EQ(std::get<fleet::WorkerReady>(events_.front()).id, 1U);
}

// Found in review: one that hung while nobody was there was not expected to say it any more.
TEST_F(SuccessorTest, KnowsWhoHasSaidThatItLives) {
  spawn(kStaying, 1);
  int changes = 0;
  hands().on_change([&changes] { ++changes; });
  const auto address = sys::parsed("unix:" + directory_.path("notify.1"));
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  for (uint64_t beats = 1; beats <= 2; ++beats) {
    ASSERT_EQ(::sendto(socket.get(), "WATCHDOG=1", 10, 0, address.get(), address.size()), 10);
    run_until([&] { return hands().running().at(1).beats == beats; });
  }
  EXPECT_EQ(changes, 1) << "to be written down, once";
  SavedState state = saved(1);
  state.places[1].has_beaten = true;
  succeed(kStaying);
  hands().adopt(from_, state);
  EXPECT_EQ(hands().running().at(1).beats, 1U);
}

TEST_F(SuccessorTest, SpeaksToThemOnTheSameControlSocket) {
  spawn(kBuiltin, 2);
  SavedState state = saved(2);
  succeed(kBuiltin);
  hands().adopt(from_, state);
  hands().carry_out(fleet::Lend{"web", 1, 1});
  EXPECT_EQ(heard(0), contract::encode({contract::Verb::Take, "web", 1}));
}

TEST_F(SuccessorTest, CountsThoseWhoEndedMeanwhile) {
  spawn(kStaying, 2);
  SavedState state = saved(2);
  const pid_t dead = state.places[2].pid;
  ::kill(dead, SIGKILL);
  ASSERT_TRUE(sys::wait_readable(hands().process(2)->pidfd()));
  succeed(kStaying);
  directory_.write("worker.2/socket", "");
  directory_.write("notify.2", "");
  hands().adopt(from_, state);
  ASSERT_EQ(state.past.workers.size(), 1U);
  EXPECT_EQ(state.past.workers[0].id, 1U);
  EXPECT_EQ(hands().process(2), nullptr);
  EXPECT_FALSE(std::filesystem::exists(directory_.path("worker.2")));
  EXPECT_FALSE(std::filesystem::exists(directory_.path("notify.2")));
  const fleet::PastPool& pool = state.past.pools["web"];
  EXPECT_EQ(pool.exits.exit, 1U);
  EXPECT_EQ(pool.slots[1].restarts, 1U);
  EXPECT_THAT(pool.slots[1].last_exit, HasSubstr("while sockherd was away"));
  for (const std::string& name : manager_.names()) {
    EXPECT_THAT(name, Not(testing::EndsWith(".2"))) << "forgotten";
  }
}

TEST_F(SuccessorTest, DoesNotTakeAnotherProcessForAWorker) {
  spawn(kStaying, 1);
  SavedState state = saved(1);
  state.places[1].pid = 1;
  succeed(kStaying);
  hands().adopt(from_, state);
  EXPECT_TRUE(state.past.workers.empty());
  EXPECT_EQ(::kill(living_[0], 0), 0);
}

// Found in review: without a free descriptor it went on in a slot that got another one.
TEST_F(SuccessorTest, AWorkerThatCannotBeTakenOverForLackOfDescriptorsFinishes) {
  spawn(kStaying, 1);
  const UniqueFd watched(::fcntl(hands().process(1)->pidfd(), F_DUPFD_CLOEXEC, 3));
  SavedState state = saved(1);
  succeed(kStaying);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  hands().adopt(from_, state);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(state.past.workers.empty());
  EXPECT_TRUE(sys::wait_readable(watched.get())) << "it was told to";
}

TEST_F(SuccessorTest, AWorkerThatCannotBeHeardFinishes) {
  spawn(kStaying, 1);
  const UniqueFd watched(::fcntl(hands().process(1)->pidfd(), F_DUPFD_CLOEXEC, 3));
  SavedState state = saved(1);
  succeed(kStaying);
  from_.workers.at(1).notify.reset();
  std::filesystem::remove(directory_.path("notify.1"));
  directory_.write("notify.1/in-the-way", "");
  hands().adopt(from_, state);
  EXPECT_TRUE(state.past.workers.empty());
  EXPECT_TRUE(sys::wait_readable(watched.get())) << "it was told to";
}

TEST_F(SuccessorTest, AWorkerThatNobodyWroteDownFinishes) {
  spawn(kStaying, 1);
  const UniqueFd watched(::fcntl(hands().process(1)->pidfd(), F_DUPFD_CLOEXEC, 3));
  succeed(kStaying);
  SavedState nothing;
  directory_.write("worker.1/socket", "");
  directory_.write("notify.1", "");
  hands().adopt(from_, nothing);
  EXPECT_TRUE(sys::wait_readable(watched.get())) << "it was told to";
  EXPECT_EQ(hands().process(1), nullptr);
  EXPECT_FALSE(std::filesystem::exists(directory_.path("worker.1")));
  EXPECT_FALSE(std::filesystem::exists(directory_.path("notify.1")));
}

TEST_F(SuccessorTest, ASeatThatIsNoneIsNotCountedIn) {
  spawn(kStaying, 1);
  SavedState state = saved(1);
  state.places[1].seats = {4'000'000'000};
  succeed(kStaying);
  hands().adopt(from_, state);
  ASSERT_NE(hands().process(1), nullptr);
  EXPECT_TRUE(hands().running().at(1).seats.empty());
  hands().carry_out(fleet::Kill{1});
  run_until([this] { return !events_.empty(); });
}

}  // namespace
}  // namespace sockherd::supervisor
