#include "daemon/module/host.h"

#include <utility>

#include "daemon/module/application.h"
#include "daemon/module/demo.h"
#include "daemon/module/library.h"
#include "daemon/worker/launch.h"

namespace sockherd::module {

Host::Host(const config::Pool& pool)
    : pool_({.threads = static_cast<size_t>(pool.blocking_threads),
             .depth = static_cast<size_t>(pool.queue_depth)}) {}

Result<app::ModuleHeader> Host::load(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto found = loaded_.find(path);
  if (found != loaded_.end()) return found->second;
  Result<app::ModuleHeader> header = load_module(path);
  if (!header.ok()) return Error{worker::kExitConfiguration, header.error().what};
  loaded_.emplace(path, *header);
  return header;
}

Result<std::unique_ptr<worker::Handler>> Host::make(const config::Pool& pool,
                                                    const config::Route& route,
                                                    const worker::Identity& identity) {
  std::string prefix = route.path;
  if (prefix.ends_with('/')) prefix.pop_back();
  Application::Settings settings{.name = route.module,
                                 .prefix = std::move(prefix),
                                 .identity = identity,
                                 .setup = set_up_demo,
                                 .pool = &pool_,
                                 .queue_timeout = pool.queue_timeout,
                                 .request_timeout = pool.request_timeout};
  if (route.module != "demo") settings.setup = TRY(load(route.module)).setup;
  return std::unique_ptr<worker::Handler>(std::make_unique<Application>(std::move(settings)));
}

}  // namespace sockherd::module
