// Buses: connects the rooms of a lane with those of others, as the pool's configuration says: the
// other lanes of this machine, and by `bus` other machines.
#pragma once

#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/io/loop.h"
#include "daemon/rooms/hub.h"
#include "daemon/stats/page.h"
#include "daemon/worker/identity.h"
#include "daemon/worker/launch.h"

namespace sockherd::worker {

// Before anybody is in a room. An engine that cannot be reached is tried again for ever.
// Errors: descriptors that are no bus; their code is the exit status.
Result<void> join_buses(const config::Pool& pool, const Identity& identity, Launch::Bus shared,
                        io::Loop& loop, rooms::Hub& hub, stats::Counters& counters);

}  // namespace sockherd::worker
