#include "daemon/worker/routes.h"

#include <memory>
#include <utility>

#include "daemon/worker/demo.h"
#include "daemon/worker/directory.h"
#include "daemon/worker/file_cache.h"
#include "daemon/worker/files.h"
#include "daemon/worker/gzip.h"
#include "daemon/worker/launch.h"

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
                                                          route.gzip ? shared.gzip : nullptr));
}

}  // namespace

Result<Router> make_router(const config::Pool& pool, const Identity& identity) {
  Router router;
  const Shared shared{
      .cache = std::make_shared<FileCache>(FileCache::Settings{
          .interval = pool.file_cache, .max_bytes = static_cast<size_t>(pool.file_cache_size)})};
  for (const config::Route& route : pool.routes) {
    if (route.module == "demo") {
      router.add(route.path, std::make_unique<Demo>(route.path, identity));
    } else {
      router.add(route.path, TRY(make_files(route, shared)));
    }
  }
  return router;
}

}  // namespace sockherd::worker
