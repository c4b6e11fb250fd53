// Balance: who gets the new connections of one TCP listener: what its configuration asks for, what
// the kernel does, and why that is something else where it is.
//
//   least-connections   eBPF (sys/balancer.h); without CAP_BPF as hash
//   hash                all serve: the kernel's hash; some serve: one of them at random
//   cpu                 the CPU of the packet
//
// In each mode only served slots get connections. A change of mode is two steps, because a reload
// may fail: prepare() makes what the new workers have to be started with and changes nothing;
// want(), once the configuration is in force, does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/supervisor/fd_store.h"
#include "daemon/sys/balancer.h"
#include "daemon/sys/steering.h"

namespace sockherd::supervisor {

class Balance {
 public:
  Balance(FdStore& store, std::string listener) : store_(store), listener_(std::move(listener)) {}

  // The tables that a predecessor had kept, before anything else is called.
  void inherit(std::map<uint32_t, UniqueFd> tables) { inherited_ = std::move(tables); }

  // Makes what `mode` needs. Says in the log, once, where that cannot be.
  void prepare(const std::string& mode);

  // The mode of the configuration in force. Answers whether it is another than before: then the
  // caller steers anew.
  bool want(const std::string& mode);

  // New connections go to `slots`, if any; else to all. Slots are places in `sockets`, the group;
  // with several threads a worker it has several of them. In the mode `cpu` their order counts.
  // total: of the sockets of the group; one more where one is about to join.
  Result<void> steer(std::span<const UniqueFd> sockets, const std::vector<uint32_t>& slots,
                     size_t total);

  // New connections from one port of ours go to one socket that is not served, and the others to
  // `slots`, or to all where nobody is steered to yet; until the next steer(), which must follow
  // soon: meanwhile there is no balance.
  Result<void> aim(std::span<const UniqueFd> sockets, std::vector<uint32_t> slots, sys::Aim aim);

  // Whether what is wanted failed for a reason that may have passed: steer again, now and then.
  bool is_retry_due() const;

  // The sockets from this slot on are about to be closed.
  void forget_from(size_t slot);

  // Corrects the drift of the loads (sys::Balancer::settle).
  void settle(std::span<const UniqueFd> sockets, uint16_t port);

  // The listener is gone for good: nothing of it is kept.
  void release();

  const std::string& wanted() const { return wanted_; }
  const std::string& in_force() const { return in_force_; }
  const std::string& reason() const { return reason_; }  // why that is not the wanted one

  // The table that the workers publish their load in, borrowed; -1 without.
  int loads_fd() const { return balancer_ ? balancer_->loads_fd() : -1; }

 private:
  Result<void> steer_by_load(std::span<const UniqueFd> sockets, const std::vector<uint32_t>& slots);
  Result<sys::Balancer> make_balancer();
  void note_failure(const Error& error);
  void note_success();

  FdStore& store_;
  std::string listener_;
  std::string wanted_;
  std::string in_force_;
  std::string reason_;
  std::map<uint32_t, UniqueFd> inherited_;
  std::optional<sys::Balancer> balancer_;
  size_t added_ = 0;           // the slots below are in its table
  std::set<uint32_t> served_;  // by it
  bool is_attached_ = false;
  bool has_no_program_ = false;  // and will have none in the life of this process
  unsigned failures_ = 0;        // in a row
};

}  // namespace sockherd::supervisor
