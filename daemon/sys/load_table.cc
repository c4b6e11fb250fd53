#include "daemon/sys/load_table.h"

namespace sockherd::sys {

Result<LoadTable> LoadTable::map(int fd) {
  return LoadTable(TRY(Mapping::create(fd, kSlots * sizeof(SlotLoad), Access::ReadWrite)));
}

std::span<SlotLoad> LoadTable::slots() const {
  if (mapping_.bytes().empty()) return {};
  return {reinterpret_cast<SlotLoad*>(mapping_.bytes().data()), kSlots};
}

}  // namespace sockherd::sys
