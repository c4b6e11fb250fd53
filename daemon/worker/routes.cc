#include "daemon/worker/routes.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/worker/directory.h"
#include "daemon/worker/echo.h"
#include "daemon/worker/extras.h"
#include "daemon/worker/file_cache.h"
#include "daemon/worker/files.h"
#include "daemon/worker/gzip.h"
#include "daemon/worker/launch.h"
#include "daemon/worker/proxy.h"
#include "daemon/worker/redirect.h"
#include "daemon/worker/room.h"

namespace sockherd::worker {
namespace {

// What the handlers of one loop share.
struct Shared {
  std::shared_ptr<FileCache> cache;
  std::shared_ptr<Gzip> gzip = std::make_shared<Gzip>();
};

Result<std::unique_ptr<Handler>> make_files(const config::Route& route, const Shared& shared) {
  Result<Directory> directory = Directory::open(route.files);
  if (!directory.ok()) {
    return Error{kExitConfiguration, "route " + route.path + ": " + directory.error().what};
  }
  Site site(std::move(directory).value(),
            {.index = route.index, .precompressed = route.precompressed});
  return std::unique_ptr<Handler>(std::make_unique<Files>(route.path, std::move(site), shared.cache,
                                                          route.gzip ? shared.gzip : nullptr,
                                                          route.fallback));
}

Result<std::unique_ptr<Handler>> make_handler(const config::Route& route, const Shared& shared) {
  if (route.websocket == "echo") {
    return std::unique_ptr<Handler>(std::make_unique<Echo>(route.origins));
  }
  if (!route.websocket.empty()) {
    constexpr std::string_view kRoom = "room:";
    return std::unique_ptr<Handler>(
        std::make_unique<Room>(route.websocket.substr(kRoom.size()), route.origins));
  }
  if (!route.proxy.empty()) return std::unique_ptr<Handler>(std::make_unique<Proxy>(route));
  if (!route.redirect.empty()) {
    return std::unique_ptr<Handler>(
        std::make_unique<Redirect>(route.path, route.redirect, static_cast<int>(route.status)));
  }
  return make_files(route, shared);
}

// Null where there is nothing to add: then it costs nothing.
Result<std::unique_ptr<Extras>> make_extras(const std::string& path,
                                            const std::vector<config::NamedText>& headers,
                                            const std::vector<config::NamedText>& error_pages,
                                            const Extras* below) {
  Result<Extras> extras = Extras::read(headers, error_pages, below);
  if (!extras.ok()) {
    return Error{kExitConfiguration, path + ".error_pages: " + extras.error().what};
  }
  if (extras->is_empty()) return std::unique_ptr<Extras>();
  return std::make_unique<Extras>(std::move(extras).value());
}

}  // namespace

Result<Router> make_router(const config::Pool& pool, const Identity& identity, Modules& modules) {
  Router router;
  const Shared shared{
      .cache = std::make_shared<FileCache>(FileCache::Settings{
          .interval = pool.file_cache, .max_bytes = static_cast<size_t>(pool.file_cache_size)})};
  const std::string path = "pool." + pool.name;
  router.set_extras(TRY(make_extras(path, pool.headers, pool.error_pages, nullptr)));
  for (size_t i = 0; i < pool.routes.size(); ++i) {
    const config::Route& route = pool.routes[i];
    std::unique_ptr<Extras> extras =
        TRY(make_extras(path + ".routes[" + std::to_string(i) + "]", route.headers,
                        route.error_pages, router.extras()));
    std::unique_ptr<Handler> handler = route.module.empty()
                                           ? TRY(make_handler(route, shared))
                                           : TRY(modules.make(pool, route, identity));
    router.add(route.path, std::move(handler), std::move(extras));
  }
  return router;
}

}  // namespace sockherd::worker
