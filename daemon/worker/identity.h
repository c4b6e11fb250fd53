// Who this worker is, as the supervisor says; and which of its threads.
#pragma once

#include <cstdint>
#include <string>

namespace sockherd::worker {

struct Identity {
  std::string pool;
  uint32_t slot = 0;
  uint32_t generation = 0;
  int32_t pid = 0;
  uint32_t thread = 0;
  uint32_t threads = 1;  // of this worker
};

}  // namespace sockherd::worker
