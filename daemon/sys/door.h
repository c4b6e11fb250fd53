// The door of a listening TCP socket: closed, it lets nobody new in, and everybody who is under
// way.
//
// A socket filter drops SYNs that reach the socket, and nothing else: handshakes that have begun
// come to their end and into the queue, where they are accepted. Once none is under way and the
// queue is empty, closing the socket loses nobody. A client that knocks at a closed door tries
// again after a second, and is refused when the socket is gone. Needs CAP_NET_ADMIN in newer
// kernels (SO_ATTACH_FILTER on TCP is EPERM without it in Linux 6.18, measured).
#pragma once

#include "daemon/base/result.h"

namespace sockherd::sys {

Result<void> close_door(int listener);

// No error where the door is open.
Result<void> open_door(int listener);

}  // namespace sockherd::sys
