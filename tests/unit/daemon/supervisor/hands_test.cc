#include "daemon/supervisor/hands.h"

#include <gmock/gmock.h>

#include <deque>

#include "daemon/supervisor/generation.h"
#include "tests/unit/daemon/supervisor/loop.h"
#include "tests/unit/daemon/sys/peers.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
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

class HandsTest : public LoopTest {
 protected:
  HandsTest()
      : hands_(
            loop(),
            {.program = "/no/worker",
             .runtime_directory = directory_.path(""),
             .environment = {"MODE=ours", "SOCKHERD_SLOT=outer", "OUT=" + directory_.path("out")},
             .nofile_soft = 256},
            [this](fleet::Event event) { events_.push_back(std::move(event)); }) {
    add(kText, 1);
    const config::Config& config = hands_.current().config;
    EXPECT_TRUE(hands_.prepare_slots(config, config.pools[0], 2).ok());
  }

  void add(std::string_view text, uint32_t number) {
    directory_.write("c.toml", text);
    auto loaded = load_generation({directory_.path("c.toml"), {}}, number);
    ASSERT_TRUE(loaded.generation) << loaded.faults.front();
    for (config::Listener& listener : loaded.generation->config.listeners) {
      listener.address = "127.0.0.1:0";  // a free port, which no file may ask for
    }
    hands_.add_generation(std::move(*loaded.generation));
    hands_.set_current(number);
  }

  fleet::WorkerExited spawn_and_wait(const fleet::Spawn& action) {
    hands_.carry_out(action);
    run_until([this] { return !events_.empty(); });
    const auto* exited = std::get_if<fleet::WorkerExited>(&events_.front());
    EXPECT_NE(exited, nullptr);
    return exited != nullptr ? *exited : fleet::WorkerExited{};
  }

  std::string output() const {
    std::ifstream file(directory_.path("out"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  worker::TemporaryDirectory directory_;
  std::deque<fleet::Event> events_;
  Hands hands_;
};

TEST_F(HandsTest, StartsAWorkerInItsSlotAndPostsItsEnd) {
  hands_.carry_out(fleet::Spawn{4, "web", 1, 1});
  ASSERT_NE(hands_.process(4), nullptr);
  EXPECT_GT(hands_.process(4)->pid(), 0);
  EXPECT_EQ(hands_.process(5), nullptr);
  run_until([this] { return !events_.empty(); });
  const auto& exited = std::get<fleet::WorkerExited>(events_.front());
  EXPECT_EQ(exited.id, 4U);
  EXPECT_EQ(exited.detail, "exit 5");
  EXPECT_EQ(hands_.process(4), nullptr);
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
  hands_.carry_out(fleet::Spawn{9, "web", 0, 1});
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

TEST_F(HandsTest, SlotsThatLeaveTogetherAreQuietTogether) {
  hands_.carry_out(fleet::Serve{"web", {0}});
  for (const uint32_t slot : {1U, 2U, 3U}) hands_.carry_out(fleet::AwaitQuiet{"web", slot});
  EXPECT_TRUE(events_.empty()) << "never from inside";
  run_until([this] { return events_.size() == 3; });
  std::vector<uint32_t> quiet;
  for (const fleet::Event& event : events_) quiet.push_back(std::get<fleet::SlotQuiet>(event).slot);
  EXPECT_THAT(quiet, UnorderedElementsAre(1U, 2U, 3U));
}

TEST_F(HandsTest, ASlotThatLeavesAgainIsToldOnce) {
  hands_.carry_out(fleet::AwaitQuiet{"web", 1});
  hands_.carry_out(fleet::Serve{"web", {0, 1}});
  hands_.carry_out(fleet::Serve{"web", {0}});
  hands_.carry_out(fleet::AwaitQuiet{"web", 1});
  hands_.carry_out(fleet::AwaitQuiet{"api", 0});  // of no pool that is there: nothing to wait for
  run_until([this] { return events_.size() == 2; });
  run_what_waits();
  EXPECT_EQ(events_.size(), 2U);
}

// Found in review: a failed reload closed listeners that old workers still drained.
TEST_F(HandsTest, KeepsTheListenersOfEveryGenerationThatSomebodyNeeds) {
  add(kMoreListeners, 2);
  const config::Config& second = hands_.current().config;
  ASSERT_TRUE(hands_.prepare_slots(second, second.pools[0], 2).ok());
  hands_.set_current(1);
  std::map<fleet::WorkerId, fleet::Worker> workers;
  workers[3] = {.id = 3, .pool = "web", .generation = 2};
  hands_.forget_unused(workers);
  EXPECT_TRUE(hands_.listeners().groups().contains("more"));
  hands_.forget_unused({});
  EXPECT_FALSE(hands_.listeners().groups().contains("more"));
  EXPECT_TRUE(hands_.listeners().groups().contains("web"));
}

}  // namespace
}  // namespace sockherd::supervisor
