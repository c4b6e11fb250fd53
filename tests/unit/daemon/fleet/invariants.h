// Invariants: those of fleet.h and state.h, checked after an event against what the imagined hands
// have done.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/fleet/fleet.h"
#include "tests/unit/daemon/fleet/imagined_hands.h"

namespace sockherd::fleet {

class Invariants {
 public:
  // before, after: the fleet around `event`.
  void check(const Fleet& before, const Event& event, const Actions& actions, const Fleet& after,
             const ImaginedHands& hands, Instant now) {
    note(before, event);
    check_workers(after, hands);
    check_slots(after, hands);
    if (!after.is_stopping()) check_served(after, hands);
    check_loans(after, hands);
    for (const Action& action : actions) {
      if (const auto* drain = std::get_if<Drain>(&action)) {
        check_drain(before, event, after, hands, drain->id, now);
      }
    }
    if (!after.is_stopping()) check_availability(before, event, after);
    check_asked(before, event, after);
    check_conclusions(actions, after);
    check_generations(after);
    check_waits(actions, after);
    check_rest(after, now);
    check_time(after, now);
    check_awaited(after, hands);
  }

 private:
  // The configuration in force when a reload began.
  struct Rule {
    uint32_t generation = 0;
    uint32_t desired = 0;
  };
  using Rules = std::map<std::string, Rule>;

  static Rules rules_of(const Fleet& fleet) {
    Rules rules;
    for (const auto& [name, pool] : fleet.pools()) {
      if (pool.is_ours()) rules[name] = {pool.generation, pool.desired};
    }
    return rules;
  }

  void note(const Fleet& before, const Event& event) {
    if (const auto* start = std::get_if<Start>(&event)) {
      for (const Survivor& survivor : start->past.workers) adopted_.insert(survivor.id);
      reload_.reset();
      is_mixed_ = false;
      note(start->spec);
    }
    const auto* reload = std::get_if<Reload>(&event);
    if (reload == nullptr || before.refusal(*reload) != Refusal::None) return;
    reload_ = reload->ticket;
    rules_ = rules_of(before);
    note(reload->spec);
  }
  void note(const Spec& spec) {
    for (const PoolSpec& pool : spec.pools) {
      asks_[{spec.generation, pool.name}] = pool.asks;
      uint32_t& most = unavailable_[pool.name];
      most = std::max({most, pool.max_unavailable, pool.max_surge > 0 ? 0U : 1U});
    }
  }

  static bool is_ready(const Fleet& fleet, const std::optional<WorkerId>& id) {
    return id && fleet.workers().at(*id).phase == Phase::Ready;
  }
  // Behind a proxy route, where it may be asked at once.
  static bool is_askable(const Fleet& fleet, const std::optional<WorkerId>& id) {
    if (!is_ready(fleet, id)) return false;
    const Worker& worker = fleet.workers().at(*id);
    return worker.has_own_address && !worker.leaving;
  }
  static bool is_wanted(const Pool& pool) { return pool.is_ours(); }

  static void check_workers(const Fleet& fleet, const ImaginedHands& hands) {
    EXPECT_EQ(hands.processes.size(), fleet.workers().size());
    for (const auto& [id, w] : fleet.workers()) {
      ASSERT_TRUE(hands.processes.contains(id)) << "knows a worker that does not run";
      ASSERT_TRUE(fleet.pools().contains(w.pool)) << "a worker of no pool";
      ASSERT_LT(w.slot, fleet.pools().at(w.pool).slots.size());
      const Slot& slot = fleet.pools().at(w.pool).slots[w.slot];
      const bool has_place = slot.current == id || slot.incoming == id;
      switch (w.phase) {
        case Phase::Starting:
          EXPECT_TRUE(has_place) << "worker " << id << " starts for nobody";
          EXPECT_TRUE(w.deadline || w.killed) << "starts without a deadline";
          break;
        case Phase::Ready:
          EXPECT_TRUE(has_place || w.leaving || w.lingers)
              << "worker " << id << " is ready and owns nothing";
          break;
        case Phase::Draining:
          EXPECT_FALSE(has_place) << "worker " << id << " drains and owns a slot";
          EXPECT_FALSE(w.leaving);
          EXPECT_TRUE(w.deadline || w.killed) << "drains without a deadline";
          break;
      }
      EXPECT_TRUE(!w.leaving || w.quiet_asked) << "leaves, and nobody asks whether it is quiet";
      EXPECT_TRUE(!w.lingers || (w.phase == Phase::Ready && !has_place && !w.leaving))
          << "worker " << id << " lingers, and is somebody's";
    }
  }

  static void check_slots(const Fleet& fleet, const ImaginedHands& hands) {
    const bool fills = !fleet.is_stopping() && hands.start_failed == 0;
    for (const auto& [name, pool] : fleet.pools()) {
      for (uint32_t i = 0; i < pool.slots.size(); ++i) {
        const Slot& slot = pool.slots[i];
        for (const auto& id : {slot.current, slot.incoming}) {
          if (!id) continue;
          const Worker* worker = fleet.find_worker(*id);
          ASSERT_NE(worker, nullptr) << "slot " << i << " of " << name << " has a dead worker";
          EXPECT_TRUE(worker->pool == name && worker->slot == i) << "a worker of another slot";
        }
        EXPECT_TRUE(!slot.current || slot.current != slot.incoming);
        EXPECT_TRUE(!slot.replacing || fleet.is_rolling()) << "replaced by no rollout";
        const bool is_filled = slot.current || slot.incoming || slot.retry_at || slot.replacing;
        const bool waits = pool.waits_until.has_value();
        EXPECT_TRUE(is_filled || !fills || !is_wanted(pool) || i >= pool.desired || waits)
            << "slot " << i << " of " << name << " is forgotten";
      }
    }
  }

  // Exactly those are served that accept and do not leave; where some of them are beyond doubt,
  // only they. With the last one gone the steering stays as it was: connections wait for the next
  // worker.
  static void check_served(const Fleet& fleet, const ImaginedHands& hands) {
    for (const auto& [name, pool] : fleet.pools()) {
      if (!is_wanted(pool)) continue;
      std::vector<Served> candidates;
      std::array<std::set<int>, 2> doubts;  // of those who accept, and of those who are asked
      const auto doubt_of = [](const Worker& w) { return w.stalls ? 2 : w.serve_at ? 1 : 0; };
      const auto add = [&](uint32_t slot, WorkerId id) {
        const Worker& worker = fleet.workers().at(id);
        if (worker.leaving) return;
        candidates.push_back({slot, id});
        doubts.at(worker.has_own_address ? 1 : 0).insert(doubt_of(worker));
      };
      for (uint32_t i = 0; i < pool.slots.size(); ++i) {
        const auto& id = pool.slots[i].current;
        const auto& next = pool.slots[i].incoming;
        if (is_askable(fleet, next) && !is_askable(fleet, id)) add(i, *next);
        if (is_ready(fleet, id)) add(i, *id);
      }
      for (const auto& [id, w] : fleet.workers()) {
        if (w.lingers && w.pool == name) add(w.slot, id);
      }
      std::vector<Served> accepting;
      std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(accepting),
                   [&](const Served& one) {
                     const Worker& worker = fleet.workers().at(one.worker);
                     return doubt_of(worker) == *doubts.at(worker.has_own_address ? 1 : 0).begin();
                   });
      if (accepting.empty()) continue;
      const auto steered = hands.steered.find(name);
      ASSERT_NE(steered, hands.steered.end());
      EXPECT_EQ(steered->second, accepting) << name << " is not served by those who accept";
    }
  }

  static void check_loans(const Fleet& fleet, const ImaginedHands& hands) {
    std::map<ImaginedHands::Place, WorkerId> lent;
    for (const auto& [name, pool] : fleet.pools()) {
      bool has_sibling = false;
      for (const Slot& slot : pool.slots) {
        if (!is_ready(fleet, slot.current)) continue;
        const Worker& worker = fleet.workers().at(*slot.current);
        // One that stalls is not asked to help.
        const bool helps = !worker.leaving && !worker.has_own_address && !worker.stalls;
        has_sibling = has_sibling || (helps && !worker.serve_at);
      }
      for (uint32_t i = 0; i < pool.slots.size(); ++i) {
        const Slot& slot = pool.slots[i];
        if (slot.lent_to) lent[{name, i}] = *slot.lent_to;
        const bool has_worker = is_ready(fleet, slot.current) || is_ready(fleet, slot.incoming);
        EXPECT_TRUE(!slot.lent_to || !has_worker) << "lent, though it has a worker of its own";
        if (!is_wanted(pool) || fleet.is_stopping() || !pool.spec.can_lend) continue;
        EXPECT_TRUE(!slot.dirty || has_worker || !has_sibling || slot.lent_to)
            << "nobody accepts what waits in slot " << i << " of " << name;
      }
    }
    // At a stop whoever has something lent keeps it to its end.
    if (!fleet.is_stopping()) {
      EXPECT_EQ(lent, hands.loans);
    }
  }

  // When a worker that serves may be told to finish.
  static void check_drain(const Fleet& before, const Event& event, const Fleet& after,
                          const ImaginedHands& hands, WorkerId id, Instant now) {
    const Worker* was = before.find_worker(id);
    if (was == nullptr || was->phase != Phase::Ready) return;
    const Slot& old_slot = before.pools().at(was->pool).slots.at(was->slot);
    if (old_slot.incoming == id) {  // taken back; whoever served before serves on
      EXPECT_FALSE(is_askable(before, old_slot.incoming) && !is_askable(before, old_slot.current))
          << "told to go while others ask it";
      return;
    }
    if (!old_slot.dirty && !was->has_own_address) return;  // never served
    const auto asked = hands.quiet_asked.find(id);
    // Of another configuration of its pool, perhaps: all of the tests have 20 s.
    const Duration most = std::chrono::seconds(was->has_own_address ? 20 : 10);
    const bool is_quiet = hands.quiet_said.contains(id) ||
                          (asked != hands.quiet_asked.end() && now - asked->second >= most);
    if (was->has_own_address && old_slot.current == id) check_askers(after, *was);
    if (is_quiet) return;
    EXPECT_FALSE(was->has_own_address) << "told to go before it has finished what it was asked";
    const auto pool = after.pools().find(was->pool);
    ASSERT_NE(pool, after.pools().end());
    const Slot& slot = pool->second.slots.at(was->slot);
    if (slot.gives_way) return;  // counted in check_availability
    if (is_ready(after, slot.current)) {
      const auto& theirs = after.workers().at(*slot.current).listeners;
      for (const std::string& name : was->listeners) {
        EXPECT_NE(std::find(theirs.begin(), theirs.end(), name), theirs.end())
            << "nobody accepts any more at " << name;
      }
      return;
    }
    ADD_FAILURE() << "worker " << id << " of slot " << was->slot
                  << " was told to drain before its time; event " << event.index();
  }

  // At the end of a pool, whoever may ask it has ended.
  static void check_askers(const Fleet& after, const Worker& worker) {
    const auto pool = after.pools().find(worker.pool);
    if (pool == after.pools().end() || !pool->second.spec.has_own_address) return;
    if (!after.is_stopping() && !pool->second.removed) return;
    const Slot& slot = pool->second.slots.at(worker.slot);
    if (slot.current && slot.current != worker.id) return;  // it was replaced
    if (!pool->second.served.empty()) return;               // its slot was given up, not the pool
    for (const auto& [id, other] : after.workers()) {
      EXPECT_EQ(std::count(other.asks.begin(), other.asks.end(), worker.pool), 0)
          << "worker " << id << " may still ask pool " << worker.pool;
    }
  }

  static uint32_t ready_slots(const Fleet& fleet, const std::string& name, uint32_t count) {
    const auto pool = fleet.pools().find(name);
    uint32_t ready = 0;
    for (uint32_t i = 0; i < count && i < pool->second.slots.size(); ++i) {
      ready += is_ready(fleet, pool->second.slots[i].current) ? 1 : 0;
    }
    return ready;
  }

  // Because of us never fewer workers are ready than all but max_unavailable.
  void check_availability(const Fleet& before, const Event& event, const Fleet& after) const {
    if (std::holds_alternative<WorkerExited>(event) || std::holds_alternative<WorkerHung>(event) ||
        std::holds_alternative<WorkerStopping>(event) || std::holds_alternative<Start>(event)) {
      return;
    }
    for (const auto& [name, pool] : after.pools()) {
      const auto old = before.pools().find(name);
      if (!is_wanted(pool) || old == before.pools().end() || !is_wanted(old->second)) continue;
      const uint32_t wanted = std::min(pool.desired, old->second.desired);
      uint32_t giving_way = 0;
      for (const Slot& slot : pool.slots) giving_way += slot.gives_way ? 1 : 0;
      EXPECT_GE(ready_slots(after, name, wanted) + giving_way, ready_slots(before, name, wanted))
          << "fewer workers of " << name << " serve; event " << event.index();
      EXPECT_LE(giving_way, unavailable_.at(name)) << name;
    }
  }

  static bool is_about(const Event& event, const Fleet& before, const std::string& pool) {
    const auto is = [&](const auto& e) {
      if constexpr (requires { e.id; }) {
        const Worker* worker = before.find_worker(e.id);
        return worker != nullptr && worker->pool == pool;
      }
      return false;
    };
    return std::visit(is, event);
  }
  static bool has_somebody_to_ask(const Fleet& fleet, const Pool& pool) {
    return std::any_of(pool.served.begin(), pool.served.end(),
                       [&](const Served& one) { return is_askable(fleet, find(fleet, one)); });
  }
  static std::optional<WorkerId> find(const Fleet& fleet, const Served& one) {
    return fleet.find_worker(one.worker) != nullptr ? std::optional(one.worker) : std::nullopt;
  }

  // Because of us nobody who asks is without somebody to ask.
  static void check_asked(const Fleet& before, const Event& event, const Fleet& after) {
    if (std::holds_alternative<Start>(event) || std::holds_alternative<StopNow>(event)) return;
    for (const auto& [id, asker] : after.workers()) {
      if (before.find_worker(id) == nullptr) continue;  // it begins with what there is
      for (const std::string& name : asker.asks) {
        const auto old = before.pools().find(name);
        const auto pool = after.pools().find(name);
        if (old == before.pools().end() || pool == after.pools().end()) continue;
        const auto& slots = pool->second.slots;
        const bool gives_way = std::any_of(slots.begin(), slots.end(),
                                           [](const Slot& slot) { return slot.gives_way; });
        if (asker.killed || gives_way || is_about(event, before, name)) continue;
        EXPECT_TRUE(!has_somebody_to_ask(before, old->second) ||
                    has_somebody_to_ask(after, pool->second))
            << "worker " << id << " asks " << name << ", where nobody is any more; event "
            << event.index();
      }
    }
  }

  void check_conclusions(const Actions& actions, const Fleet& after) {
    for (const Action& action : actions) {
      const auto* end = std::get_if<Conclude>(&action);
      if (end == nullptr || reload_ != end->ticket) continue;
      reload_.reset();
      is_mixed_ = !end->ok && (is_mixed_ || end->reasons.size() > 1);
      if (end->ok || after.is_stopping()) continue;
      const Rules rules = rules_of(after);
      EXPECT_EQ(rules.size(), rules_.size()) << "a failed reload changed the pools";
      for (const auto& [name, rule] : rules_) {
        ASSERT_TRUE(rules.contains(name)) << "a failed reload removed " << name;
        EXPECT_EQ(rules.at(name).generation, rule.generation);
        EXPECT_EQ(rules.at(name).desired, rule.desired);
      }
    }
  }

  // When nothing is being replaced, everybody is of the generation in force, but for those who were
  // adopted, and after a way back that failed.
  void check_generations(const Fleet& fleet) const {
    if (fleet.is_rolling() || is_mixed_ || fleet.is_stopping()) return;
    for (const auto& [name, pool] : fleet.pools()) {
      if (!is_wanted(pool)) continue;
      for (uint32_t i = 0; i < pool.slots.size() && i < pool.desired; ++i) {
        const auto& id = pool.slots[i].current;
        if (!id || adopted_.contains(*id) || fleet.workers().at(*id).stale) continue;
        EXPECT_EQ(fleet.workers().at(*id).generation, pool.generation)
            << "slot " << i << " of " << name << " has a worker of another generation";
      }
    }
  }

  // Nobody is started by a rollout to ask others of whom none is there yet, nor for the first time.
  void check_waits(const Actions& actions, const Fleet& fleet) const {
    for (const auto& [name, pool] : fleet.pools()) {
      EXPECT_FALSE(pool.waits_until && fleet.has_started()) << name << " waits for nobody";
    }
    for (const Action& action : actions) {
      const auto* spawn = std::get_if<Spawn>(&action);
      if (spawn == nullptr) continue;
      const Pool& pool = fleet.pools().at(spawn->pool);
      const bool is_incoming = pool.slots[spawn->slot].incoming == spawn->id;
      EXPECT_FALSE(pool.waits_until && !is_incoming) << spawn->pool << " does not wait";
      if (!is_incoming || !fleet.is_rolling()) continue;
      const auto asks = asks_.find({spawn->generation, spawn->pool});
      if (asks == asks_.end()) continue;
      for (const std::string& name : asks->second) check_somebody(fleet, name);
    }
  }
  static void check_somebody(const Fleet& fleet, const std::string& name) {
    const auto asked = fleet.pools().find(name);
    if (asked == fleet.pools().end()) return;
    bool is_starting = false;
    bool is_there = false;
    for (const Slot& slot : asked->second.slots) {
      is_starting = is_starting || slot.replacing;
      is_there = is_there || is_askable(fleet, slot.current) || is_askable(fleet, slot.incoming);
    }
    EXPECT_TRUE(is_there || !is_starting) << "nobody of " << name << " is there yet";
  }

  // An event about nobody brings nothing new: the fleet has come to rest.
  static void check_rest(const Fleet& fleet, Instant now) {
    Fleet copy = fleet;
    const Actions actions = copy.on(WorkerQuiet{0}, now);
    EXPECT_TRUE(actions.empty()) << actions.size() << " more actions, the first of kind "
                                 << actions.front().index();
  }

  // A Tick at the deadline is enough: the next one is later.
  static void check_time(const Fleet& fleet, Instant now) {
    const auto due = fleet.next_deadline();
    if (!due) return;
    Fleet copy = fleet;
    const Instant at = std::max(now, *due);
    copy.on(Tick{}, at);
    const auto next = copy.next_deadline();
    EXPECT_TRUE(!next || *next > at) << "a Tick makes no progress";
  }

  // What is under way has a bound, and what is not has none.
  static void check_awaited(const Fleet& fleet, const ImaginedHands& hands) {
    const auto& workers = fleet.workers();
    if (std::any_of(workers.begin(), workers.end(),
                    [](const auto& w) { return w.second.killed; })) {
      return;
    }
    if (hands.start_failed > 0 && !fleet.is_stopping()) return;
    const bool is_starting = !fleet.has_started() && !fleet.pools().empty();
    const bool is_under_way =
        fleet.is_stopping() ? !workers.empty() : is_starting || fleet.is_rolling();
    EXPECT_EQ(fleet.awaited_until().has_value(), is_under_way);
  }

  std::set<WorkerId> adopted_;
  std::optional<uint64_t> reload_;  // the ticket of the one under way
  Rules rules_;
  bool is_mixed_ = false;
  std::map<std::pair<uint32_t, std::string>, std::vector<std::string>> asks_;  // by generation
  std::map<std::string, uint32_t> unavailable_;  // by pool: how many may be, old or new rule
};

}  // namespace sockherd::fleet
