// StateFile: what a supervisor leaves to its successor besides descriptors: the fleet's past, where
// each worker sits, and the numbers that go on. In the runtime directory, which lives as long as
// the machine runs; instants of the monotonic clock stay comparable that long.
//
// Written whole to a new file that then takes the place of the old one, so a reader sees one state
// or the other. A file that is missing or makes no sense costs the memory of counts and counters;
// the workers of the predecessor are then unknown, and drained.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/base/result.h"
#include "daemon/fleet/past.h"
#include "daemon/supervisor/event_ring.h"
#include "daemon/supervisor/socket_owner.h"
#include "daemon/supervisor/upstreams.h"

namespace sockherd::supervisor {

struct SavedState {
  // Where a worker is.
  struct Place {
    int32_t pid = 0;
    std::vector<uint32_t> seats = {};  // one a thread
    bool is_builtin = false;
    std::string address = {};  // of its own, behind a proxy route; "" = none
    int32_t stop_signal = 0;   // 0 = the usual one
    int32_t abort_signal = 0;
    bool has_beaten = false;  // it has said WATCHDOG=1, and is expected to go on
  };
  struct Reloads {
    uint64_t total = 0;
    uint64_t failures = 0;
    double last_success_time = 0;  // Unix time
  };

  std::string version;         // of the program
  uint64_t configuration = 0;  // a hash of all that workers are started with
  bool is_handover = false;    // the predecessor left for a restart, which asks for fresh workers
  uint32_t next_generation = 1;
  uint32_t generation = 0;  // for people who read the file
  Reloads reloads;
  uint64_t log_warnings = 0;
  uint64_t log_errors = 0;
  uint64_t admin_restarts = 0;
  uint64_t starts = 0;  // of the supervisor
  uint64_t store_failures = 0;
  uint64_t save_failures = 0;
  uint64_t next_event = 1;
  EventRing::Counts events;
  fleet::Past past;
  std::map<fleet::WorkerId, Place> places;
  std::map<std::string, uint64_t> relayed;                 // connections, by pool
  std::map<std::string, Upstreams::SlotCounts> upstreams;  // what their memory does not hold
  // Of the listeners' groups; nothing where a version wrote it that had one thread a worker.
  std::optional<SocketOwners> sockets = SocketOwners();
};

class StateFile {
 public:
  explicit StateFile(std::string path) : path_(std::move(path)) {}

  // Errors: there is none (ENOENT), or it makes no sense.
  Result<SavedState> load() const;

  // Writes only what differs from the last time. Errors: of the file system.
  Result<void> save(const SavedState& state);

 private:
  std::string path_;
  std::string last_;
};

}  // namespace sockherd::supervisor
