// The pipe that a program writes its output into, and that we read.
//
// Our end does not block; the other one does, as programs expect of stdout. So who writes into a
// full pipe waits until it is read: that is why it is large, and why systemd keeps our end while we
// are not there.
#pragma once

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"

namespace sockherd::sys {

// What fits into it, where the kernel allows that much (pipe-user-pages-soft, pipe(7)).
inline constexpr int kOutputPipeBytes = 256 * 1024;

struct OutputPipe {
  UniqueFd ours;
  UniqueFd theirs;
};

Result<OutputPipe> create_output_pipe();

// /dev/null, to write into.
Result<UniqueFd> open_null();

}  // namespace sockherd::sys
