// Who this worker is, as the supervisor says.
#pragma once

#include <cstdint>
#include <string>

namespace sockherd::worker {

struct Identity {
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  int32_t pid = 0;
};

}  // namespace sockherd::worker
