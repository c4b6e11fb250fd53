// The Prometheus text format 0.0.4, from prometheus-cpp families.
//
// Our own writer, because the one of prometheus-cpp 1.0.1 does not escape HELP, writes "Nan" and
// lets invalid UTF-8 through, each of which makes Prometheus drop the whole scrape. Families
// without a sample are left out.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace sockherd::metrics {

// Prometheus 3 refuses a scrape without exactly this.
inline constexpr char kTextContentType[] = "text/plain; version=0.0.4; charset=utf-8";

std::string to_text(const std::vector<prometheus::MetricFamily>& families);

}  // namespace sockherd::metrics
