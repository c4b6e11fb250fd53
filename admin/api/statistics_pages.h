// StatisticsPages: the statistics segments of all pools, mapped read-only.
//
// A segment is asked for once a pool and generation, and read in place from then on: a scrape costs
// the supervisor nothing for the counters, and a worker never.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/bus/dictionary.h"
#include "daemon/stats/segment.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::api {

class StatisticsPages {
 public:
  // Forgets the pools that are no longer in `pools` (of ListPools).
  void retain(const std::vector<bus::Dictionary>& pools);

  // The pools of built-in workers whose segment is not mapped, or was that of an older
  // configuration or of fewer slots.
  std::vector<bus::Dictionary> missing(const std::vector<bus::Dictionary>& pools) const;

  // Maps the segment that OpenStatistics gave for `pool`.
  Result<void> adopt(const bus::Dictionary& pool, UniqueFd fd);

  // The counters of those `pools` (of ListPools) that are mapped, by slot, for as many slots as the
  // pool has ever had.
  std::map<std::string, std::vector<stats::Totals>> read(
      const std::vector<bus::Dictionary>& pools) const;

 private:
  struct Pages {
    uint64_t generation;
    sys::Mapping mapping;
    stats::Segment segment;  // looks into `mapping`
  };
  std::map<std::string, Pages> pages_;
};

}  // namespace sockherd::api
