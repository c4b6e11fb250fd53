#include "daemon/worker/reset.h"

#include <sys/socket.h>

namespace sockherd::worker {

void drop_unsent_at_close(int fd) {
  constexpr linger kAtOnce{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &kAtOnce, sizeof kAtOnce);
}

}  // namespace sockherd::worker
