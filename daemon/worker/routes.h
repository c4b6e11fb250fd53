// Routes: the router that a pool's configuration asks for, with what its handlers need open.
#pragma once

#include <memory>

#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/worker/handler.h"
#include "daemon/worker/identity.h"
#include "daemon/worker/router.h"

namespace sockherd::worker {

// Makes the handlers of routes with a module. The engine knows none; who wires the worker does.
class Modules {
 public:
  // Called by the thread of each loop, also of several at once.
  // Errors: a module that cannot be loaded; the code is the exit status.
  virtual Result<std::unique_ptr<Handler>> make(const config::Pool& pool,
                                                const config::Route& route,
                                                const Identity& identity) = 0;

 protected:
  ~Modules() = default;
};

// For one loop: its handlers share what is not locked. Not started yet.
// Errors: a directory that cannot be opened, a module; the code is the exit status.
Result<Router> make_router(const config::Pool& pool, const Identity& identity, Modules& modules);

}  // namespace sockherd::worker
