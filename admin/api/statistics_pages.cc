#include "admin/api/statistics_pages.h"

#include <algorithm>
#include <utility>

namespace sockherd::api {

void StatisticsPages::retain(const std::vector<bus::Dictionary>& pools) {
  std::erase_if(pages_, [&](const auto& entry) {
    return std::none_of(pools.begin(), pools.end(), [&](const bus::Dictionary& pool) {
      return pool.text("name") == entry.first;
    });
  });
}

std::vector<bus::Dictionary> StatisticsPages::missing(
    const std::vector<bus::Dictionary>& pools) const {
  std::vector<bus::Dictionary> wanted;
  for (const bus::Dictionary& pool : pools) {
    if (!pool.list("command").empty()) continue;  // another program: it counts nothing here
    const auto found = pages_.find(pool.text("name"));
    if (found == pages_.end() || found->second.generation != pool.count("generation") ||
        found->second.segment.slots() < pool.count("slots"))
      wanted.push_back(pool);
  }
  return wanted;
}

Result<void> StatisticsPages::adopt(const bus::Dictionary& pool, UniqueFd fd) {
  sys::Mapping mapping = TRY(sys::Mapping::create(fd.get(), sys::Access::Read));
  const stats::Segment segment = TRY(stats::Segment::attach(mapping.bytes()));
  pages_.insert_or_assign(pool.text("name"),
                          Pages{pool.count("generation"), std::move(mapping), segment});
  return {};
}

std::map<std::string, std::vector<stats::Totals>> StatisticsPages::read(
    const std::vector<bus::Dictionary>& pools) const {
  std::map<std::string, std::vector<stats::Totals>> traffic;
  for (const bus::Dictionary& pool : pools) {
    const auto found = pages_.find(pool.text("name"));
    if (found == pages_.end()) continue;
    const stats::Segment& segment = found->second.segment;
    const uint64_t slots = std::min<uint64_t>(pool.count("slots"), segment.slots());
    traffic.emplace(found->first, segment.read_first(static_cast<uint32_t>(slots)));
  }
  return traffic;
}

}  // namespace sockherd::api
