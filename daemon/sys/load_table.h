// LoadTable: how busy each slot of a listener is; the table of loads of a Balancer, mapped. The
// supervisor has it from there, a worker from the descriptor it was started with.
#pragma once

#include <cstdint>
#include <span>

#include "daemon/base/bounds.h"
#include "daemon/base/result.h"
#include "daemon/sys/shared_memory.h"
#include "daemon/sys/slot_load.h"

namespace sockherd::sys {

class LoadTable {
 public:
  static constexpr uint32_t kSlots = kMostSockets;

  LoadTable() = default;

  // The descriptor is not needed afterwards. Errors: it is of something else.
  static Result<LoadTable> map(int fd);

  // By slot. Valid as long as this object, or the one it was moved to.
  std::span<SlotLoad> slots() const;

 private:
  explicit LoadTable(Mapping mapping) : mapping_(std::move(mapping)) {}
  Mapping mapping_;
};

}  // namespace sockherd::sys
