// How a connection ends whose client does not take what was sent: with a reset.
//
// After a plain close the kernel keeps the unsent bytes, megabytes of them, and probes a closed
// window for minutes (tcp(7), tcp_orphan_retries), with nobody left to set a deadline: clients that
// read nothing would cost most when they are gone here.
#pragma once

namespace sockherd::worker {

// When the last descriptor of this socket is closed, what the peer has not taken is dropped and the
// peer reads ECONNRESET (SO_LINGER, socket(7)). Without effect on AF_UNIX.
void drop_unsent_at_close(int fd);

}  // namespace sockherd::worker
