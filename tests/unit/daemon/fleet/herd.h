// Herd: a fleet with imagined hands. It keeps what the actions did (which worker runs, what was
// steered), hands exits back on demand, and checks the invariants of fleet.h after every event.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/fleet/fleet.h"

namespace sockherd::fleet {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline PoolSpec pool_spec(std::string name, uint32_t workers, uint32_t max_workers = 16) {
  return {.name = std::move(name),
          .workers = workers,
          .max_workers = max_workers,
          .start_timeout = seconds(30),
          .drain_timeout = seconds(20),
          .restart_delay = milliseconds(100),
          .restart_delay_max = seconds(30),
          .stable_after = seconds(10)};
}

class Herd {
 public:
  struct Process {
    std::string pool;
    uint32_t slot = 0;
    uint32_t generation = 0;
    bool told_to_drain = false;
    bool killed = false;
  };

  explicit Herd(uint32_t seed = 1) : fleet(seed) {}

  Actions on(const Event& event) {
    const auto owners_before = wanted_owners();
    Actions actions = fleet.on(event, now);
    event_index_ = event.index();
    for (const Action& action : actions) carry_out(action);
    std::erase_if(steered, [this](const auto& s) { return !fleet.pools().contains(s.first); });
    check(owners_before);
    return actions;
  }

  void start(uint32_t workers, uint32_t max_workers = 16) {
    on(Start{{.generation = 1, .pools = {pool_spec("web", workers, max_workers)}}});
  }
  // Every worker that starts gets ready.
  void all_ready() {
    for (bool any = true; any;) {
      any = false;
      const auto workers = fleet.workers();
      for (const auto& [id, w] : workers) {
        if (w.phase != Phase::Starting) continue;
        on(WorkerReady{id});
        any = true;
      }
    }
  }
  void exit(WorkerId id, ExitKind kind = ExitKind::Status, int code = 0) {
    processes.erase(id);
    on(WorkerExited{id, kind, code, "test"});
  }
  // Every worker that was told to go, goes.
  void drained_exit() {
    for (bool any = true; any;) {
      any = false;
      const auto copy = processes;
      for (const auto& [id, p] : copy) {
        if (!p.told_to_drain && !p.killed) continue;
        exit(id);
        any = true;
      }
    }
  }
  void pass(Duration time) {
    now = now + time;
    on(Tick{});
  }
  void quiet_all() {
    const auto waiting = std::exchange(awaiting_quiet, {});
    for (const auto& [pool, slot] : waiting) on(SlotQuiet{pool, slot});
  }

  WorkerId current(uint32_t slot, const std::string& pool = "web") const {
    return fleet.pools().at(pool).slots.at(slot).current.value_or(0);
  }
  std::vector<uint32_t> served(const std::string& pool = "web") const {
    const auto found = steered.find(pool);
    return found == steered.end() ? std::vector<uint32_t>{} : found->second;
  }
  const Worker& worker(WorkerId id) const { return fleet.workers().at(id); }

  Fleet fleet;
  Instant now{seconds(1000)};
  std::map<WorkerId, Process> processes;
  std::map<std::string, std::vector<uint32_t>> steered;
  std::vector<std::pair<std::string, uint32_t>> awaiting_quiet;
  std::vector<Conclude> concluded;
  int started_up = 0;
  int start_failed = 0;
  int finished = 0;

 private:
  using Owners = std::map<std::pair<std::string, uint32_t>, WorkerId>;

  void carry_out(const Action& action) {
    if (const auto* spawn = std::get_if<Spawn>(&action)) {
      EXPECT_FALSE(processes.contains(spawn->id)) << "a worker id was used twice";
      processes[spawn->id] = {spawn->pool, spawn->slot, spawn->generation};
    } else if (const auto* drain = std::get_if<Drain>(&action)) {
      ASSERT_TRUE(processes.contains(drain->id)) << "told a dead worker to drain";
      processes[drain->id].told_to_drain = true;
    } else if (const auto* kill = std::get_if<Kill>(&action)) {
      ASSERT_TRUE(processes.contains(kill->id)) << "killed a dead worker";
      processes[kill->id].killed = true;
    } else if (const auto* serve = std::get_if<Serve>(&action)) {
      steered[serve->pool] = serve->slots;
    } else if (const auto* quiet = std::get_if<AwaitQuiet>(&action)) {
      const auto& slots = steered[quiet->pool];
      EXPECT_EQ(std::count(slots.begin(), slots.end(), quiet->slot), 0)
          << "waits for quiet in a slot that is still chosen: " << quiet->pool << quiet->slot
          << " stopping " << fleet.is_stopping() << " event " << event_index_ << " desired "
          << fleet.pools().at(quiet->pool).desired << " served " << slots.size();
      awaiting_quiet.emplace_back(quiet->pool, quiet->slot);
    } else if (const auto* end = std::get_if<Conclude>(&action)) {
      concluded.push_back(*end);
    } else if (std::holds_alternative<StartedUp>(action)) {
      ++started_up;
    } else if (std::holds_alternative<StartFailed>(action)) {
      ++start_failed;
    } else if (std::holds_alternative<Finished>(action)) {
      ++finished;
    }
  }

  void check(const Owners& owners_before) {
    std::map<std::pair<std::string, uint32_t>, int> owners;
    for (const auto& [id, w] : fleet.workers()) {
      ASSERT_TRUE(processes.contains(id)) << "knows a worker that does not run";
      if (w.phase == Phase::Ready) {
        const Slot& slot = fleet.pools().at(w.pool).slots.at(w.slot);
        const bool is_owner = slot.current == id || slot.incoming == id;
        EXPECT_TRUE(is_owner) << "a ready worker that owns nothing";
        if (slot.current == id) ++owners[{w.pool, w.slot}];
      } else if (!w.killed) {
        EXPECT_TRUE(w.deadline) << "a worker without a deadline that is not ready";
      }
    }
    for (const auto& [key, count] : owners) EXPECT_EQ(count, 1);
    EXPECT_EQ(processes.size(), fleet.workers().size());
    if (fleet.is_stopping()) return;
    for (const auto& [name, slots] : steered) {
      const auto pool = fleet.pools().find(name);
      if (pool == fleet.pools().end() || pool->second.removed || pool->second.provisional) continue;
      // With the last one gone the steering stays as it was: connections wait for the next worker.
      bool any = false;
      for (const Slot& s : pool->second.slots) any = any || (s.current && is_ready(*s.current));
      for (const uint32_t i : slots) {
        const Slot& slot = pool->second.slots.at(i);
        EXPECT_TRUE(!any || (slot.current && is_ready(*slot.current)) || all_leaving(pool->second))
            << "slot " << i << " of " << name << " is served, and nobody accepts there";
      }
    }
    const bool failed = concluded.size() > seen_concluded_ && !concluded.back().ok;
    for (const auto& [key, id] : owners_before) {
      if (!failed || !processes.contains(id)) continue;
      EXPECT_EQ(current(key.second, key.first), id)
          << "a failed rollout took a serving worker away";
    }
    seen_concluded_ = concluded.size();
  }

  // Who serves in the slots that are wanted.
  Owners wanted_owners() const {
    Owners owners;
    for (const auto& [name, pool] : fleet.pools()) {
      for (uint32_t i = 0; i < pool.slots.size() && i < pool.desired && !pool.removed; ++i) {
        const auto id = pool.slots[i].current;
        if (id && is_ready(*id)) owners[{name, i}] = *id;
      }
    }
    return owners;
  }
  bool is_ready(WorkerId id) const { return fleet.workers().at(id).phase == Phase::Ready; }
  bool all_leaving(const Pool& pool) const {
    for (const Slot& s : pool.slots) {
      if (s.current && is_ready(*s.current) && !s.leaving) return false;
    }
    return true;
  }

  size_t seen_concluded_ = 0;
  size_t event_index_ = 0;
};

}  // namespace sockherd::fleet
