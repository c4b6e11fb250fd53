#include "daemon/config/config.h"

#include <algorithm>

namespace sockherd::config {
namespace {

template <typename Item>
const Item* find_by_name(const std::vector<Item>& items, std::string_view name) {
  const auto at = std::find_if(items.begin(), items.end(),
                               [name](const Item& item) { return item.name == name; });
  return at == items.end() ? nullptr : &*at;
}

}  // namespace

const Listener* Config::find_listener(std::string_view name) const {
  return find_by_name(listeners, name);
}

const Pool* Config::find_pool(std::string_view name) const {
  return find_by_name(pools, name);
}

}  // namespace sockherd::config
