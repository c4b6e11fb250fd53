// RoomBuses: what the lanes of each pool hear each other by (contract/bus_file.h): its memory file
// and its bell; the supervisor's side of daemon/rooms, which it makes and keeps for them.
//
// Seats are those of the statistics segment, so a bus is only as good as the segment of its pool.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/contract/bus_file.h"
#include "daemon/supervisor/fd_store.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::supervisor {

class RoomBuses {
 public:
  struct Descriptors {
    int file = -1;
    int bell = -1;
  };

  explicit RoomBuses(FdStore& store) : store_(store) {}

  // Takes over what a predecessor had kept. Errors: one of them is missing, or of another version.
  Result<void> adopt(const std::string& pool, UniqueFd file, UniqueFd bell);

  // What was kept is of no use.
  void forget(const std::string& pool);

  // Those of a pool, made on first use; borrowed.
  Result<Descriptors> descriptors(const std::string& pool);

  // Who sat there has ended: nobody is to write for it any more.
  void leave(const std::string& pool, uint32_t seat);
  void leave_all_but(const std::string& pool, const std::set<uint32_t>& seats);

 private:
  struct Bus {
    UniqueFd file;
    UniqueFd bell;
    sys::Mapping head;
    std::optional<contract::BusFile> layout;
  };

  FdStore& store_;
  std::map<std::string, Bus> pools_;
};

}  // namespace sockherd::supervisor
