// Statistics: the statistics segments of all pools; the supervisor's side of stats/segment.h.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/stats/segment.h"
#include "daemon/supervisor/fd_store.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::supervisor {

class Statistics {
 public:
  explicit Statistics(FdStore& store) : store_(store) {}

  // Takes over the segment that a predecessor had kept: its counts go on. Errors: it has the layout
  // of another version.
  Result<void> adopt(const std::string& pool, UniqueFd fd);
  // Folds the seats of all workers but these: theirs ended while nobody was there.
  void fold_all_but(const std::string& pool, const std::set<uint32_t>& seats);

  // The memory file of a pool's segment, made on first use; borrowed.
  Result<int> segment_fd(const std::string& pool);

  // A read-only descriptor of it, for whoever only watches. Errors: no such pool.
  Result<UniqueFd> open_read_only(const std::string& pool) const;

  // How many there are, of each pool.
  static uint32_t seats();
  // Whether there can be a seat of this number.
  static bool has_seat(uint32_t seat);

  // A seat for a new worker. Errors: all taken, which means hundreds of workers that still drain.
  Result<uint32_t> take_seat(const std::string& pool, uint32_t slot, uint32_t generation);
  void set_pid(const std::string& pool, uint32_t seat, pid_t pid);
  void fold(const std::string& pool, uint32_t seat);

  // What a worker has counted. Requires: a seat that was taken.
  const stats::Counters& counters(const std::string& pool, uint32_t seat) const;
  // The same of a worker that does not count itself: we do it for it.
  stats::Counters& counters_of_command(const std::string& pool, uint32_t seat);
  // What the workers of a pool have counted, those that have ended too, in the slots below `slots`;
  // nothing of a pool that has had none.
  stats::Totals total(const std::string& pool, uint32_t slots) const;

 private:
  struct Pool {
    UniqueFd fd;
    sys::Mapping mapping;
    std::optional<stats::Segment> segment;
  };
  Result<Pool*> pool(const std::string& name);

  FdStore& store_;
  std::map<std::string, Pool> pools_;
};

}  // namespace sockherd::supervisor
