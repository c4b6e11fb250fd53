// ImaginedHands: what the actions of a fleet have done to the world: which processes run, where new
// connections are steered, whose slot was lent to whom, who was asked to become quiet. Refuses what
// no hands could carry out.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/fleet/action.h"

namespace sockherd::fleet {

struct ImaginedHands {
  struct Process {
    std::string pool;
    uint32_t slot = 0;
    uint32_t generation = 0;
    bool told_to_drain = false;
    bool aborted = false;
    bool killed = false;

    bool must_go() const { return told_to_drain || aborted || killed; }
  };
  using Place = std::pair<std::string, uint32_t>;  // pool and slot

  void carry_out(const Action& action, Instant now) {
    std::visit([&](const auto& a) { take(a, now); }, action);
  }
  void ended(WorkerId id) {
    processes.erase(id);
    quiet_asked.erase(id);
    quiet_said.erase(id);
    let_go(id);
  }
  // A worker that goes has closed its listeners, those of siblings too.
  void let_go(WorkerId id) {
    std::erase_if(loans, [id](const auto& loan) { return loan.second == id; });
  }
  // What a dead supervisor knew; the processes live on, but for those that it killed.
  void forget() {
    std::erase_if(processes, [](const auto& p) { return p.second.killed; });
    steered.clear();
    loans.clear();
    quiet_asked.clear();
    quiet_said.clear();
  }

  std::map<WorkerId, Process> processes;
  std::set<WorkerId> known_ids;
  std::map<std::string, std::vector<Served>> steered;
  std::map<Place, WorkerId> loans;
  std::map<WorkerId, Instant> quiet_asked;
  std::set<WorkerId> quiet_said;
  std::vector<Conclude> concluded;
  std::vector<Happened> happened;
  std::string start_failure;
  int started_up = 0;
  int start_failed = 0;
  int finished = 0;

 private:
  void take(const Spawn& spawn, Instant /*now*/) {
    EXPECT_TRUE(known_ids.insert(spawn.id).second) << "a worker id was used twice";
    processes[spawn.id] = {spawn.pool, spawn.slot, spawn.generation};
  }
  void take(const Drain& drain, Instant /*now*/) {
    ASSERT_TRUE(processes.contains(drain.id)) << "told a dead worker to drain";
    processes[drain.id].told_to_drain = true;
    let_go(drain.id);
  }
  void take(const Abort& abort, Instant /*now*/) {
    ASSERT_TRUE(processes.contains(abort.id)) << "aborted a dead worker";
    processes[abort.id].aborted = true;
    let_go(abort.id);
  }
  void take(const Kill& kill, Instant /*now*/) {
    ASSERT_TRUE(processes.contains(kill.id)) << "killed a dead worker";
    EXPECT_FALSE(processes[kill.id].killed) << "killed a worker twice";
    processes[kill.id].killed = true;
  }
  void take(const Serve& serve, Instant /*now*/) {
    for (const Served& one : serve.slots) {
      EXPECT_TRUE(processes.contains(one.worker)) << "a dead worker serves";
    }
    steered[serve.pool] = serve.slots;
  }
  void take(const AwaitQuiet& quiet, Instant now) {
    ASSERT_TRUE(processes.contains(quiet.id)) << "waits for the quiet of a dead worker";
    for (const auto& [pool, slots] : steered) {
      for (const Served& one : slots) {
        EXPECT_NE(one.worker, quiet.id) << "waits for the quiet of a worker that is chosen";
      }
    }
    quiet_asked[quiet.id] = now;
    quiet_said.erase(quiet.id);
  }
  void take(const Lend& lend, Instant /*now*/) {
    ASSERT_TRUE(processes.contains(lend.to)) << "lent to a dead worker";
    EXPECT_FALSE(processes[lend.to].must_go()) << "lent to one that goes";
    EXPECT_NE(processes[lend.to].slot, lend.slot) << "lent to its own worker";
    EXPECT_TRUE(loans.emplace(Place{lend.pool, lend.slot}, lend.to).second) << "lent to two";
  }
  void take(const TakeBack& back, Instant /*now*/) {
    const auto loan = loans.find({back.pool, back.slot});
    ASSERT_NE(loan, loans.end()) << "took back what was not lent";
    EXPECT_EQ(loan->second, back.from);
    loans.erase(loan);
  }
  void take(const Conclude& end, Instant /*now*/) { concluded.push_back(end); }
  void take(const StartedUp& /*action*/, Instant /*now*/) { ++started_up; }
  void take(const StartFailed& failed, Instant /*now*/) {
    ++start_failed;
    start_failure = failed.reason;
  }
  void take(const Finished& /*action*/, Instant /*now*/) { ++finished; }
  void take(const Happened& what, Instant /*now*/) { happened.push_back(what); }
};

}  // namespace sockherd::fleet
