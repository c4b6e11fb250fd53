// How long whoever watches workers may have looked away for the time to count.
//
// Who looks less often was stopped himself, and the worker perhaps with him: a suspended machine, a
// stopped group of processes, a busy machine that let the supervisor run first. A worker that makes
// no progress is one that makes none while it is looked at.
#pragma once

#include <algorithm>

#include "daemon/base/instant.h"

namespace sockherd::supervisor {

// limit: what the worker may stand still. The lower bound is a look and a half (monitor.cc).
inline Duration longest_gap(Duration limit) {
  return std::clamp<Duration>(limit / 2, std::chrono::milliseconds(300), std::chrono::seconds(2));
}

}  // namespace sockherd::supervisor
