// Balancer: gives each new connection of one SO_REUSEPORT group to its least loaded served slot, by
// an eBPF program (bpf/least_connections.bpf.c) and three tables that it shares with us.
//
//   sockets   slot → socket. The kernel takes a closed socket out by itself.
//   loads     slot → SlotLoad, mapped by us and by the workers.
//   served    the list of slots to choose among, mapped by us.
//
// Needs CAP_BPF to make, and nothing to use. The program stays attached when we die, and goes on
// choosing by the tables as they were; so the tables are kept (systemd's fd store, with FDPOLL=0:
// map descriptors always poll as errors) and the next supervisor adopts them with a program of its
// own. Without them it has to detach the program and to begin anew, see add().
//
// Does not steer without CAP_BPF: that is steering.h. Does not know which connections are open: the
// workers publish that in loads().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <span>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/sys/load_table.h"
#include "daemon/sys/shared_memory.h"
#include "daemon/sys/slot_load.h"

namespace sockherd::sys {

class Balancer {
 public:
  static constexpr uint32_t kMostSlots = LoadTable::kSlots;

  // Empty tables and a program, attached to nothing yet.
  // Errors: EPERM without CAP_BPF, or where a system call filter leaves bpf(2) out; ENOSYS and
  // others where the kernel cannot do it. Worded so that the reader knows what to change.
  static Result<Balancer> create();

  // The tables of a predecessor, numbered as it had them stored(), with a new program: another
  // version of us may have another one. The sockets in them, the loads and the list stay in force.
  // Errors: as create(); a table that is missing or of another layout.
  static Result<Balancer> adopt(std::map<uint32_t, UniqueFd> stored);

  // Puts a listening socket of the group at a slot below kMostSlots, in place of what was there.
  //
  // Errors: EBUSY for a socket that is in the table of another program: a predecessor's, whose
  // tables were lost. stop_steering() frees it after 16 ms (an RCU grace period, measured); hash
  // meanwhile, and try again. EINVAL for a socket that does not listen or has no group yet.
  Result<void> add(uint32_t slot, int socket);

  // From now on the program chooses for the group, in place of whatever did. Atomic.
  // member: any listening socket of the group.
  Result<void> attach(int member) const;

  // New connections go to these slots only; each was added. Atomic: no connection sees a part of
  // it. Empty: the kernel's hash over all members.
  void serve(std::span<const uint32_t> slots);

  std::span<SlotLoad> loads() const { return loads_.slots(); }

  // The table of the loads, borrowed: for a worker to map.
  int loads_fd() const { return tables_[Loads].get(); }

  // What waits on a slot, as the kernel tells.
  struct Waiting {
    uint32_t queued = 0;      // in the slot's accept queue
    uint32_t handshakes = 0;  // to the port, which is what can be known: at most so many are ours
  };

  // Corrects the drift of under_way(): handshakes that were given up would count for ever, and
  // connections that came past the program (from a time when it was not attached) less than
  // nothing. What is right lies between `queued` and `queued + handshakes`.
  //
  // before: loads()[slot].under_way() as read before `waiting` was asked for, handshakes first; so
  // a connection that moves on meanwhile is not taken for a lost one.
  void settle(uint32_t slot, int64_t before, const Waiting& waiting);

  // The tables, borrowed, by number.
  std::array<int, 3> stored() const;

 private:
  enum Table : uint8_t { Sockets, Loads, Served };
  static constexpr size_t kTables = 3;
  using Tables = std::array<UniqueFd, kTables>;
  struct Layout;
  static const std::array<Layout, kTables> kLayouts;

  static Result<Balancer> load(Tables adopted);
  Result<void> map_tables();
  std::span<std::atomic<uint64_t>> served() const;

  Tables tables_;
  UniqueFd program_;
  LoadTable loads_;
  Mapping served_;
};

}  // namespace sockherd::sys
