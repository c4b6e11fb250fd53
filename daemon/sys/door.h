// The door of a listening TCP socket: closed, it refuses everybody new, as a port does at which
// nobody listens, and keeps all who are under way.
//
// The socket is bound to a network interface that does not exist, so no SYN finds it any more. What
// has begun is known by its own entry: handshakes come to their end and into the queue, where they
// are accepted, and what is accepted is bound to nothing. Once no handshake is under way and the
// queue is empty, closing the socket loses nobody. Of a group every member must be closed: as long
// as one is open the kernel chooses among all. Closing the door needs no privilege; a socket filter
// would (SO_ATTACH_FILTER on TCP is EPERM without CAP_NET_ADMIN in Linux 6.18, measured).
#pragma once

#include "daemon/base/result.h"

namespace sockherd::sys {

// Errors: EPERM for a socket that is bound to an interface already (BindToDevice=).
Result<void> close_door(int listener);

// No error where the door is open. Errors: EPERM without CAP_NET_RAW.
Result<void> open_door(int listener);

}  // namespace sockherd::sys
