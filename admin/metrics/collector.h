// Collector: a snapshot as prometheus-cpp families, made anew for every scrape.
//
// The one Collectable of the project: one family a name, in the order of the metric table, so that
// no name is ever split over two blocks (prometheus-cpp does not merge them). Nothing is kept
// between scrapes, hence a series whose slot or listener has gone is gone, and two scrapes cannot
// disturb each other.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "admin/metrics/snapshot.h"

namespace sockherd::metrics {

class Collector : public prometheus::Collectable {
 public:
  // Borrows the snapshot.
  explicit Collector(const Snapshot& snapshot) : snapshot_(snapshot) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Snapshot& snapshot_;
};

}  // namespace sockherd::metrics
