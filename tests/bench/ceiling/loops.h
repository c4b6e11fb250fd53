// The two loops of the ceiling server. Each serves `listener` until the process is ended, and
// returns only where the kernel refuses to: with what it said on stderr.
#pragma once

#include "tests/bench/ceiling/options.h"

namespace sockherd::ceiling {

void serve_with_epoll(int listener, const Options& options);
void serve_with_io_uring(int listener, const Options& options);

// Whether the kernel gives us a ring; what it said is on stderr. To ask before anybody is told to
// come.
bool can_use_io_uring();

}  // namespace sockherd::ceiling
