#include "daemon/supervisor/state_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "daemon/base/bounds.h"
#include "tests/unit/daemon/worker/temporary_directory.h"

namespace sockherd::supervisor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;

SavedState full_state() {
  SavedState state{.version = "1.2.3",
                   .configuration = UINT64_MAX,
                   .is_handover = true,
                   .next_generation = 9,
                   .generation = 8,
                   .reloads = {.total = 7, .failures = 2, .last_success_time = 1700000000.25},
                   .log_warnings = 11,
                   .log_errors = 12,
                   .admin_restarts = 13,
                   .starts = 14,
                   .store_failures = 15,
                   .save_failures = 16,
                   .next_event = 17,
                   .events = {{"worker-crashed", 3}}};
  state.past.next_id = 100;
  state.past.pools["web"] = {.desired = 3,
                             .spec_workers = 2,
                             .drain_timeout = std::chrono::milliseconds(1500),
                             .starts = 21,
                             .exits = {.requested = 1,
                                       .exit = 2,
                                       .signal = 3,
                                       .start_timeout = 4,
                                       .drain_timeout = 5,
                                       .start_failed = 6,
                                       .hang = 7,
                                       .forced_out = 8},
                             .hangs = {.loop = 3, .queue = 4, .watchdog = 5},
                             .slots = {{.dirty = true, .restarts = 31, .last_exit = "exit 3"},
                                       {.dirty = false, .restarts = 0, .last_exit = ""}}};
  state.past.pools["api"] = {.desired = 1, .spec_workers = 1};
  state.past.workers = {{.id = 41,
                         .pool = "web",
                         .slot = 1,
                         .generation = 8,
                         .phase = fleet::Phase::Draining,
                         .owns_slot = false,
                         .listeners = {"web", "web.v2"},
                         .asks = {"api"},
                         .spawned_at = Instant{Duration(1234567890123)},
                         .ready_at = Instant{Duration(1234567890124)},
                         .deadline = Instant{Duration(1234567890125)}},
                        {.id = 99,
                         .pool = "api",
                         .slot = 0,
                         .generation = 7,
                         .phase = fleet::Phase::Ready,
                         .owns_slot = true}};
  state.places[41] = {.pid = 4194304, .seats = {5, 8}, .is_builtin = true};
  state.places[99] = {
      .pid = 2, .seats = {0}, .is_builtin = false, .stop_signal = SIGQUIT, .abort_signal = SIGKILL};
  state.places[99].has_beaten = true;
  state.sockets = {
      {"web", {{.slot = 0, .lane = 0}, {.slot = 1, .lane = 0}, {.slot = 0, .lane = 1}}},
      {"api", {}}};
  return state;
}

class StateFileTest : public testing::Test {
 protected:
  std::string path() const { return directory_.path("state"); }
  StateFile file() const { return StateFile(path()); }

  std::string text() const {
    std::ifstream stream(path());
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  Result<SavedState> load(const std::string& content) const {
    directory_.write("state", content);
    return file().load();
  }

  worker::TemporaryDirectory directory_;
};

TEST_F(StateFileTest, GivesBackAllThatItTook) {
  const SavedState saved = full_state();
  ASSERT_TRUE(file().save(saved).ok());
  const std::string written = text();
  auto loaded = file().load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().what;
  EXPECT_EQ(loaded->version, "1.2.3");
  EXPECT_EQ(loaded->configuration, UINT64_MAX);
  EXPECT_TRUE(loaded->is_handover);
  EXPECT_EQ(loaded->reloads.last_success_time, 1700000000.25);
  EXPECT_EQ(loaded->past.next_id, 100U);
  const fleet::PastPool& web = loaded->past.pools.at("web");
  EXPECT_EQ(web.exits.hang, 7U);
  EXPECT_EQ(web.hangs.loop, 3U);
  EXPECT_EQ(web.hangs.queue, 4U);
  EXPECT_EQ(web.hangs.watchdog, 5U);
  EXPECT_EQ(web.drain_timeout, std::chrono::milliseconds(1500));
  ASSERT_EQ(web.slots.size(), 2U);
  EXPECT_TRUE(web.slots[0].dirty);
  EXPECT_EQ(web.slots[0].last_exit, "exit 3");
  ASSERT_EQ(loaded->past.workers.size(), 2U);
  const fleet::Survivor& worker = loaded->past.workers[0];
  EXPECT_EQ(worker.phase, fleet::Phase::Draining);
  EXPECT_THAT(worker.listeners, ElementsAre("web", "web.v2"));
  EXPECT_THAT(worker.asks, ElementsAre("api"));
  EXPECT_EQ(worker.deadline, Instant{Duration(1234567890125)});
  EXPECT_FALSE(loaded->past.workers[1].deadline);
  EXPECT_EQ(loaded->places.at(41).pid, 4194304);
  EXPECT_THAT(loaded->places.at(41).seats, ElementsAre(5, 8));
  EXPECT_EQ(loaded->sockets, saved.sockets);
  // And what is not named above.
  directory_.write("state", "");
  ASSERT_TRUE(file().save(*loaded).ok());
  EXPECT_EQ(text(), written);
}

// Written by a version whose workers had one thread: a socket's number was its slot.
TEST_F(StateFileTest, TellsNoOwnersFromNothingWritten) {
  auto before = load(R"({"format": 1, "workers": [
      {"id": 1, "pool": "web", "slot": 0, "phase": 1, "seat": 3}]})");
  ASSERT_TRUE(before.ok());
  EXPECT_FALSE(before->sockets);
  EXPECT_THAT(before->places.at(1).seats, ElementsAre(3));
  auto nonsense = load(R"({"format": 1, "sockets": {"web": 3, "api": [{"slot": 1}, 5]}})");
  ASSERT_TRUE(nonsense.ok() && nonsense->sockets);
  EXPECT_EQ(*nonsense->sockets, (SocketOwners{{"api", {{.slot = 1, .lane = 0}}}}));
  EXPECT_EQ(SavedState().sockets, SocketOwners()) << "where there is no file";
}

TEST_F(StateFileTest, WritesOnlyWhatDiffersAndNeverHalf) {
  StateFile state = file();
  ASSERT_TRUE(state.save(full_state()).ok());
  struct stat before {};
  ASSERT_EQ(::stat(path().c_str(), &before), 0);
  EXPECT_EQ(before.st_mode & 0777U, 0600U);
  ASSERT_TRUE(state.save(full_state()).ok());
  struct stat after {};
  ASSERT_EQ(::stat(path().c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  SavedState other = full_state();
  other.generation = 10;
  ASSERT_TRUE(state.save(other).ok());
  ASSERT_EQ(::stat(path().c_str(), &after), 0);
  EXPECT_NE(before.st_ino, after.st_ino) << "a new file took its place";
  EXPECT_EQ(file().load()->generation, 10U);
}

TEST_F(StateFileTest, SaysWhyItCanNotBeWritten) {
  const auto saved = StateFile(directory_.path("no/such/state")).save({});
  ASSERT_FALSE(saved.ok());
  EXPECT_THAT(saved.error().what, HasSubstr("No such file or directory"));
}

TEST_F(StateFileTest, TheFirstStartHasNone) {
  EXPECT_EQ(file().load().error().code, ENOENT);
}

// What a program says at its end may be any bytes.
TEST_F(StateFileTest, BearsAnyBytes) {
  SavedState state = full_state();
  state.past.pools["web"].slots[0].last_exit = "exit 1 (\xff\xc3 \"\\ \x01 caf\xc3\xa9)";
  ASSERT_TRUE(file().save(state).ok());
  auto loaded = file().load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded->past.pools.at("web").slots[0].last_exit, HasSubstr("caf\xc3\xa9)"));
}

TEST_F(StateFileTest, AFileThatWasCutAnywhereIsRefused) {
  ASSERT_TRUE(file().save(full_state()).ok());
  const std::string whole = text();
  for (size_t size = 0; size + 2 < whole.size(); ++size) {
    EXPECT_FALSE(load(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_TRUE(load(whole.substr(0, whole.size() - 1)).ok()) << "without the last line end";
}

TEST_F(StateFileTest, WhatIsNotOursIsRefused) {
  for (const char* content : {"", " ", "null", "[]", "7", "\"x\"", "{", "{}", "\xff\xfe",
                              "{\"format\": 0}", "{\"format\": 2}", "{\"format\": \"1\"}",
                              "{\"format\": -1}", "{\"format\": 1.0}", "{\"format\": 1} x"}) {
    EXPECT_FALSE(load(content).ok()) << content;
  }
  EXPECT_THAT(load("{\"format\": 77}").error().what, HasSubstr("another version (format 77)"));
}

TEST_F(StateFileTest, DepthDoesNotCount) {
  EXPECT_FALSE(load(std::string(100'000, '[')).ok());
  EXPECT_FALSE(load("{\"format\": 1, \"pools\": " + std::string(100'000, '{')).ok());
}

// Every value in turn becomes something else. Nothing may crash, and what comes out must be safe.
TEST_F(StateFileTest, AnyValueMayBeOfAnotherType) {
  ASSERT_TRUE(file().save(full_state()).ok());
  const std::string whole = text();
  int changed = 0;
  for (size_t colon = whole.find(": "); colon != std::string::npos;
       colon = whole.find(": ", colon + 1)) {
    const size_t begin = colon + 2;
    const size_t end = whole.find_first_of(",\n", begin);
    if (whole[begin] == '{' || whole[begin] == '[') continue;
    for (const char* value :
         {"null", "true", "\"x\"", "-1", "1.5", "1e300", "18446744073709551615",
          "99999999999999999999999999", "[]", "{}", "[[]]", "{\"x\": {}}", "\"\""}) {
      auto loaded = load(whole.substr(0, begin) + value + whole.substr(end));
      ++changed;
      if (!loaded.ok()) continue;
      for (const fleet::Survivor& worker : loaded->past.workers) {
        EXPECT_NE(worker.id, 0U);
        EXPECT_LT(worker.id, loaded->past.next_id) << value;
        EXPECT_FALSE(worker.pool.empty());
        EXPECT_LT(worker.slot, 10'000U);
        EXPECT_GE(worker.spawned_at, Instant{}) << value;
        EXPECT_GE(worker.ready_at, Instant{}) << value;
        EXPECT_TRUE(loaded->places.contains(worker.id));
      }
      for (const auto& [name, pool] : loaded->past.pools) {
        EXPECT_GE(pool.drain_timeout, Duration{0}) << value;
      }
    }
  }
  EXPECT_GT(changed, 500);
}

TEST_F(StateFileTest, StructuresMayBeOfAnotherType) {
  for (
      const char* content :
      {R"({"format": 1, "pools": [], "workers": {}})", R"({"format": 1, "pools": [[1]]})",
       R"({"format": 1, "pools": {"web": 7, "api": null, "x": []}})",
       R"({"format": 1, "pools": {"web": {"slots": {}, "exits": []}}})",
       R"({"format": 1, "pools": {"web": {"slots": [1, null, [], "x", {}]}}})",
       R"({"format": 1, "workers": [1, null, [], "x", {}, {"id": 1}]})",
       R"({"format": 1, "workers": {"a": {"id": 1, "pool": "web", "phase": 1}}})",
       R"({"format": 1, "workers": [{"id": 1, "pool": "web", "phase": 1, "listeners": {"a": 1}}]})",
       R"({"format": 1, "events": [1], "workers": [{"id": 1, "pool": "web", "phase": 9}]})"}) {
    auto loaded = load(content);
    ASSERT_TRUE(loaded.ok()) << content;
    EXPECT_LE(loaded->past.workers.size(), 1U) << content;
  }
}

TEST_F(StateFileTest, ANumberDoesNotDecideHowMuchMemoryIsTaken) {
  std::string slots;
  for (int i = 0; i < 10'000; ++i) slots += i == 0 ? "{}" : ",{}";
  auto loaded = load(R"({"format": 1, "pools": {"web": {"slots": [)" + slots + "]}}}");
  ASSERT_TRUE(loaded.ok());
  EXPECT_LE(loaded->past.pools.at("web").slots.size(), kMostSockets);
}

TEST_F(StateFileTest, TwoWorkersOfOneIdAreOne) {
  auto loaded = load(R"({"format": 1, "workers": [{"id": 7, "pool": "web", "phase": 1, "pid": 1},)"
                     R"({"id": 7, "pool": "api", "phase": 1, "pid": 2}]})");
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->past.workers.size(), 1U);
  EXPECT_THAT(loaded->places, ElementsAre(Key(7U)));
}

}  // namespace
}  // namespace sockherd::supervisor
