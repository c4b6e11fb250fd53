#include "daemon/supervisor/event_ring.h"

#include <algorithm>
#include <utility>

namespace sockherd::supervisor {

void EventRing::resume(uint64_t next, const Counts& counts) {
  // What has happened before somebody could read the state comes after it.
  const uint64_t shift = std::max<uint64_t>(next, 1) - 1;
  for (Event& event : ring_) event.sequence += shift;
  next_ += shift;
  for (const auto& [name, count] : counts) counts_[name] += count;
}

void EventRing::add(Event event) {
  const auto found = counts_.find(event.name);
  ++(found != counts_.end() ? found->second : counts_[std::string(event.name)]);
  event.sequence = next_++;
  if (ring_.size() == capacity_) ring_.pop_front();
  ring_.push_back(std::move(event));
}

EventRing::Page EventRing::read(uint64_t since, size_t limit) const {
  const uint64_t first = this->first();
  if (since > next_) since = first;
  if (since == 0) since = next_ - std::min(limit, ring_.size());
  const uint64_t begin = std::max(since, first);
  const uint64_t end = begin + std::min<uint64_t>(next_ - begin, limit);
  const auto at = [&](uint64_t number) {
    return ring_.begin() + static_cast<std::ptrdiff_t>(number - first);
  };
  return {.events = {at(begin), at(end)}, .first = first, .next = end, .lost = begin - since};
}

uint64_t EventRing::count(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace sockherd::supervisor
