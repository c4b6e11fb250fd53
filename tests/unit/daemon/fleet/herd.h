// Herd: a fleet with imagined hands. What they have done is there to look at, exits are handed back
// on demand, and the invariants are checked after every event.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "daemon/fleet/fleet.h"
#include "tests/unit/daemon/fleet/imagined_hands.h"
#include "tests/unit/daemon/fleet/invariants.h"

namespace sockherd::fleet {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline PoolSpec pool_spec(std::string name, uint32_t workers, uint32_t max_workers = 16) {
  return {.name = std::move(name),
          .listeners = {"web"},
          .workers = workers,
          .max_workers = max_workers,
          .start_timeout = seconds(30),
          .drain_timeout = seconds(20),
          .restart_delay = milliseconds(100),
          .restart_delay_max = seconds(30),
          .stable_after = seconds(10)};
}

// One pool "web" of so many workers, as generation `generation`.
inline Spec spec_of(uint32_t workers, uint32_t generation = 1) {
  return {.generation = generation, .pools = {pool_spec("web", workers)}};
}

class Herd : public ImaginedHands {
 public:
  explicit Herd(uint32_t seed = 1) : fleet(seed) {}

  Actions on(const Event& event) {
    const Fleet before = fleet;
    // What is told to us before the fleet can react to it.
    if (const auto* exited = std::get_if<WorkerExited>(&event)) ended(exited->id);
    if (const auto* stopping = std::get_if<WorkerStopping>(&event)) {
      const Worker* worker = fleet.find_worker(stopping->id);
      if (worker != nullptr && worker->phase == Phase::Ready) let_go(stopping->id);
    }
    if (const auto* quiet = std::get_if<WorkerQuiet>(&event)) {
      if (quiet_asked.contains(quiet->id)) quiet_said.insert(quiet->id);
    }
    Actions actions = fleet.on(event, now);
    for (const Action& action : actions) carry_out(action, now);
    std::erase_if(steered, [this](const auto& s) { return !fleet.pools().contains(s.first); });
    invariants_.check(before, event, actions, fleet, *this, now);
    return actions;
  }

  void start(Spec spec, Past past = {}) { on(Start{std::move(spec), std::move(past)}); }
  void start(uint32_t workers, uint32_t max_workers = 16) {
    start({.generation = 1, .pools = {pool_spec("web", workers, max_workers)}});
  }
  // A fleet of one pool that serves.
  void serve(const PoolSpec& pool) {
    start({.generation = 1, .pools = {pool}});
    all_ready();
  }
  void reload(const PoolSpec& pool, uint32_t generation = 2) {
    on(Reload{generation + 100, {.generation = generation, .pools = {pool}}});
  }

  // The supervisor is gone; another one takes over what lives.
  void succeed(Spec spec, bool is_stale = false) {
    forget();
    Past past = past_of(is_stale);
    started_up = start_failed = finished = 0;
    concluded.clear();
    happened.clear();
    fleet = Fleet(static_cast<uint32_t>(past.next_id));
    start(std::move(spec), std::move(past));
  }
  Past past_of(bool is_stale = false) const {
    Past past = fleet.past();
    past.is_stale = is_stale;
    std::erase_if(past.workers, [this](const Survivor& s) { return !processes.contains(s.id); });
    return past;
  }

  // Every worker that starts gets ready.
  void all_ready() {
    for (bool any = true; any;) {
      any = false;
      const auto workers = fleet.workers();
      for (const auto& [id, w] : workers) {
        if (w.phase != Phase::Starting || w.killed || w.start_timed_out) continue;
        on(WorkerReady{id});
        any = true;
      }
    }
  }
  void exit(WorkerId id, ExitKind kind = ExitKind::Status, int code = 0) {
    on(WorkerExited{id, kind, code, "test"});
  }
  void crash(uint32_t slot, const std::string& pool = "web") {
    exit(current(slot, pool), ExitKind::Signal, 11);
  }
  // Every worker that was told to go, goes.
  void drained_exit() {
    for (bool any = true; any;) {
      any = false;
      const auto copy = processes;
      for (const auto& [id, p] : copy) {
        if (!p.must_go()) continue;
        exit(id);
        any = true;
      }
    }
  }
  void pass(Duration time) {
    now = now + time;
    on(Tick{});
  }
  // Time passes, and every deadline in it is kept as the supervisor's timer would.
  void live_through(Duration time) {
    const Instant end = now + time;
    for (auto due = fleet.next_deadline(); due && *due <= end; due = fleet.next_deadline()) {
      now = std::max(now, *due);
      on(Tick{});
      if (testing::Test::HasFailure()) return;
    }
    now = end;
  }
  void quiet_all() {
    const auto waiting = quiet_asked;
    for (const auto& [id, at] : waiting) {
      if (!quiet_said.contains(id)) on(WorkerQuiet{id});
    }
  }
  // Everything that was under way comes to a good end.
  void settle() {
    for (int i = 0; i < 8; ++i) {
      all_ready();
      quiet_all();
      drained_exit();
    }
  }

  const Pool& pool(const std::string& name = "web") const { return fleet.pools().at(name); }
  const Slot& slot(uint32_t index, const std::string& name = "web") const {
    return pool(name).slots.at(index);
  }
  WorkerId current(uint32_t index, const std::string& name = "web") const {
    return slot(index, name).current.value_or(0);
  }
  WorkerId incoming(uint32_t index, const std::string& name = "web") const {
    return slot(index, name).incoming.value_or(0);
  }
  const Worker& worker(WorkerId id) const { return fleet.workers().at(id); }
  std::vector<uint32_t> served(const std::string& name = "web") const {
    std::vector<uint32_t> slots;
    const auto found = steered.find(name);
    if (found == steered.end()) return slots;
    for (const Served& one : found->second) slots.push_back(one.slot);
    return slots;
  }
  // The generations of the workers that own the slots; 0 = none.
  std::vector<uint32_t> generations(const std::string& name = "web") const {
    std::vector<uint32_t> all;
    for (const Slot& one : pool(name).slots) {
      all.push_back(one.current ? worker(*one.current).generation : 0);
    }
    return all;
  }
  size_t count(What what) const {
    return static_cast<size_t>(std::count_if(happened.begin(), happened.end(),
                                             [what](const auto& h) { return h.what == what; }));
  }

  Fleet fleet;
  Instant now{seconds(1000)};

 private:
  Invariants invariants_;
};

template <typename Kind>
size_t count_of(const Actions& actions) {
  return static_cast<size_t>(std::count_if(actions.begin(), actions.end(), [](const Action& a) {
    return std::holds_alternative<Kind>(a);
  }));
}

}  // namespace sockherd::fleet
