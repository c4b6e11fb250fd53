// ProxyFailure: why who stands behind a proxy has not answered, and what the client gets instead.
#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/stats/page.h"

namespace sockherd::worker {

enum class ProxyFailure : uint8_t {
  QueueFull,     // nobody is free, and too many wait for that
  QueueTimeout,  // nobody was free in time
  NoConnection,  // nothing was sent: it is not there
  NoMeans,       // the same, and not its fault: descriptors, ports, a queue that is full
  Closed,        // before the first byte of an answer
  Broken,        // in its head
  BadAnswer,     // what came is none
  TimedOut,
};

struct ProxyRefusal {
  int status;
  std::string_view reason;
  stats::Count count;
};
ProxyRefusal refusal_of(ProxyFailure why);

// Of the errno of a connection that could not be made.
ProxyFailure failure_of(int error);

}  // namespace sockherd::worker
