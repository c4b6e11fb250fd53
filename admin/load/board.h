// Board: what the processes of one load share: the orders, and a tally each.
//
// Who started them (the conductor) writes orders and reads tallies; each process reads orders and
// writes its own tally. A bell each wakes them up, one the conductor.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "admin/load/tally.h"
#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::load {

// They only ever go up.
enum class Phase : uint32_t {
  Open,   // make all connections
  Run,    // from a given moment on: requests, messages, or nothing
  Echo,   // a message of each connection
  Close,  // end all connections, and the process
};

class Board {
 public:
  static Result<Board> create(uint32_t processes);

  Tally& tally(uint32_t process) const { return tallies_[process]; }
  std::span<Tally> tallies() const { return tallies_; }

  // The conductor's. at: when Run begins.
  void order(Phase phase, Instant at);
  int bell() const { return bell_.get(); }

  // A process's.
  Phase phase() const { return orders_->phase.load(std::memory_order_acquire); }
  Instant started_at() const {
    return {Duration(orders_->run_at_ns.load(std::memory_order_relaxed))};
  }
  int bell_of(uint32_t process) const { return bells_[process].get(); }
  void say(uint32_t process, State state) const;

 private:
  struct Orders {
    std::atomic<Phase> phase{Phase::Open};
    std::atomic<int64_t> run_at_ns{0};
  };
  Board() = default;

  sys::Mapping memory_;
  Orders* orders_ = nullptr;
  std::span<Tally> tallies_;
  std::vector<UniqueFd> bells_;
  UniqueFd bell_;
};

// Rings it, and makes it silent again.
void ring(int bell);
void hush(int bell);

}  // namespace sockherd::load
