// Host: the modules of a worker, and what their applications share: the pool for handlers that may
// wait. An application is made in each lane, for each route that names a module.
#pragma once

#include <sockherd/abi.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/module/blocking_pool.h"
#include "daemon/worker/routes.h"

namespace sockherd::module {

class Host final : public worker::Modules {
 public:
  explicit Host(const config::Pool& pool);

  // Loads the module where that has not been done. Errors: kExitConfiguration, and why.
  Result<std::unique_ptr<worker::Handler>> make(const config::Pool& pool,
                                                const config::Route& route,
                                                const worker::Identity& identity) override;

  // A handler runs on one of the threads.
  bool is_busy() const { return pool_.is_busy(); }

 private:
  Result<app::ModuleHeader> load(const std::string& path);

  BlockingPool pool_;
  std::mutex mutex_;  // lanes are made by their threads
  std::map<std::string, app::ModuleHeader> loaded_;
};

}  // namespace sockherd::module
