#include "daemon/worker/router.h"

#include <algorithm>
#include <utility>

namespace sockherd::worker {

void Router::add(std::string_view prefix, std::unique_ptr<Handler> handler) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  for (Entry& entry : entries_) {
    if (entry.prefix != prefix) continue;
    entry.handler = std::move(handler);
    return;
  }
  const auto shorter = std::find_if(entries_.begin(), entries_.end(), [prefix](const Entry& entry) {
    return entry.prefix.size() < prefix.size();
  });
  entries_.insert(shorter, {std::string(prefix), std::move(handler)});
}

Handler* Router::find(std::string_view path) const {
  for (const Entry& entry : entries_) {
    if (!path.starts_with(entry.prefix)) continue;
    if (path.size() == entry.prefix.size() || path[entry.prefix.size()] == '/') {
      return entry.handler.get();
    }
  }
  return nullptr;
}

}  // namespace sockherd::worker
