// Routes: the router that a pool's configuration asks for, with what its handlers need open.
#pragma once

#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/worker/identity.h"
#include "daemon/worker/router.h"

namespace sockherd::worker {

// For one loop: its handlers share what is not locked.
// Errors: a directory that cannot be opened; the code is the exit status.
Result<Router> make_router(const config::Pool& pool, const Identity& identity);

}  // namespace sockherd::worker
