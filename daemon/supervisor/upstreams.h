// Upstreams: who stands behind each proxy route (contract/upstream_file.h): the memory files and
// their bells, which the supervisor makes, keeps and writes the places of; the lanes of built-in
// workers read those, and count in them what they have in flight.
//
// One for each key (config::upstream_key): a pool of commands with addresses of their own, or the
// fixed addresses of a route. A worker has one place as long as it lives.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/config/config.h"
#include "daemon/contract/upstream_file.h"
#include "daemon/supervisor/fd_store.h"
#include "daemon/sys/address.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::supervisor {

class Upstreams {
 public:
  using State = contract::UpstreamState;
  struct Descriptors {
    int file = -1;
    int bell = -1;
  };
  // Where a worker is found.
  struct Place {
    std::string key;
    uint32_t number = 0;
  };

  // By slot: what has been asked of its workers, those before the present one included.
  struct Counts {
    uint64_t requests = 0;
    uint64_t failed = 0;
    uint64_t ejections = 0;
  };
  using SlotCounts = std::map<uint32_t, Counts>;
  struct Report {
    Counts counts;
    uint64_t in_flight = 0;
    uint64_t ejected = 0;  // workers that are not asked at the moment
  };

  explicit Upstreams(FdStore& store) : store_(store) {}

  // Takes over what a predecessor had kept. Errors: one of them is missing, or of another version.
  Result<void> adopt(const std::string& key, UniqueFd file, UniqueFd bell);
  // What was kept is of no use.
  void forget(const std::string& key);

  // Those of a key, made on first use; borrowed.
  Result<Descriptors> descriptors(const std::string& key);

  // Makes sure that the fixed addresses of a route are there, and asked. Nothing for a pool.
  Result<void> settle_fixed(const config::Route& route, Instant now);

  // A place for a worker that starts. Errors: all are taken.
  Result<Place> settle(const std::string& key, uint32_t slot, const sys::SocketAddress& address,
                       Instant now);
  // The place that somebody of this address has.
  std::optional<Place> find(const std::string& key, const sys::SocketAddress& address) const;
  // Starting, serving, leaving, and free at the end. One that begins to serve wakes those who wait.
  void set_state(const Place& place, State state, Instant now);
  // Whether nobody has anything in flight there.
  bool is_quiet(const Place& place) const;
  // Whoever else has a place of this key is gone.
  void free_all_but(const std::string& key, const std::set<uint32_t>& places);

  // A built-in worker has ended: what its lanes had in flight is over.
  void forget_lanes_of(pid_t process);
  void forget_lanes_but(std::span<const uint32_t> processes);

  // Forgets every other key; who has it in use keeps it that long.
  void keep_only(const std::set<std::string>& keys);

  std::set<std::string> keys() const;

  // By slot.
  std::map<uint32_t, Report> report(const std::string& key, Instant now) const;
  uint64_t waiting(const std::string& key) const;
  // What the memory does not hold (any more), for a successor.
  const std::map<std::string, SlotCounts>& past() const { return past_; }
  void set_past(std::map<std::string, SlotCounts> past) { past_ = std::move(past); }

  // Nothing for a key that is not known.
  const contract::UpstreamFile* file(const std::string& key) const;

 private:
  struct Entry {
    UniqueFd file;
    UniqueFd bell;
    sys::Mapping memory;
    std::optional<contract::UpstreamFile> layout;
  };
  Result<Entry*> entry(const std::string& key);
  static void ring(const Entry& entry);
  void fold(const std::string& key, const contract::UpstreamFile& layout);

  FdStore& store_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, SlotCounts> past_;  // by key: of places that somebody else has taken
};

// The keys of all that a pool proxies to.
std::set<std::string> upstream_keys(const config::Pool& pool);

}  // namespace sockherd::supervisor
