#include "daemon/sys/output_pipe.h"

#include <fcntl.h>
#include <unistd.h>

namespace sockherd::sys {

Result<OutputPipe> create_output_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe2");
  OutputPipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  // The flag belongs to the open file, of which each end is one.
  if (::fcntl(pipe.ours.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("fcntl");
  // A smaller one does as well.
  ::fcntl(pipe.ours.get(), F_SETPIPE_SZ, kOutputPipeBytes);
  return pipe;
}

Result<UniqueFd> open_null() {
  UniqueFd fd(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!fd) return errno_error("open /dev/null");
  return fd;
}

}  // namespace sockherd::sys
