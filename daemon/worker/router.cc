#include "daemon/worker/router.h"

#include <algorithm>
#include <utility>

namespace sockherd::worker {

void Router::add(std::string_view prefix, std::unique_ptr<Handler> handler,
                 std::unique_ptr<Extras> extras) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  Route route{std::string(prefix), std::move(handler), std::move(extras)};
  for (Route& each : routes_) {
    if (each.prefix != prefix) continue;
    each = std::move(route);
    return;
  }
  const auto shorter = std::find_if(routes_.begin(), routes_.end(), [prefix](const Route& each) {
    return each.prefix.size() < prefix.size();
  });
  routes_.insert(shorter, std::move(route));
}

Result<void> Router::start(Service& service) {
  for (const Route& route : routes_) {
    Result<void> started = route.handler->start(service);
    if (!started.ok()) return started;
  }
  return {};
}

void Router::drain() {
  for (const Route& route : routes_) route.handler->drain();
}

const Router::Route* Router::find(std::string_view path) const {
  for (const Route& route : routes_) {
    if (!path.starts_with(route.prefix)) continue;
    if (path.size() == route.prefix.size() || path[route.prefix.size()] == '/') return &route;
  }
  return nullptr;
}

}  // namespace sockherd::worker
