// HangWatch: whether a worker makes progress, judged from what it counts. Pure: it is told what to
// see, and when.
//
// A worker hangs when its loop stands still (a worker wakes up now and then even if nothing comes),
// or when connections wait in its queue and none is accepted.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/base/instant.h"
#include "daemon/fleet/past.h"

namespace sockherd::supervisor {

class HangWatch {
 public:
  struct Sight {
    uint64_t beats = 0;     // of its loop
    uint64_t accepted = 0;  // connections
    bool has_queue = false;
  };

  // What the worker does not do that counts as hung, or nothing. limit: how long it may make no
  // progress; 0 = for ever.
  std::optional<fleet::HangReason> look(const Sight& sight, Instant now, Duration limit);

 private:
  std::optional<Sight> last_;
  Instant looked_at_;
  Instant beat_at_;      // the last progress of the loop that we know of
  Instant accepted_at_;  // ... of the queue
};

}  // namespace sockherd::supervisor
