// GET /metrics: the snapshot as text, compressed where the scraper takes that.
#include "admin/api/compress.h"
#include "admin/api/handlers.h"
#include "admin/metrics/collector.h"
#include "admin/metrics/text_format.h"

namespace sockherd::api {
namespace {

Answer render_metrics(const metrics::Snapshot& snapshot, bool gzip_accepted) {
  Answer answer{200,
                metrics::kTextContentType,
                metrics::to_text(metrics::Collector(snapshot).Collect()),
                {{"Vary", "Accept-Encoding"}}};
  if (!gzip_accepted) return answer;
  if (auto packed = gzip(answer.body); packed.ok()) {
    answer.body = std::move(packed).value();
    answer.fields.push_back({"Content-Encoding", "gzip"});
  }
  return answer;
}

}  // namespace

Outcome metrics_text(const Context& context) {
  const bool gzip_accepted = accepts_gzip(context.request.values("Accept-Encoding"));
  return Gather{[gzip_accepted](const metrics::Snapshot& snapshot) {
    return render_metrics(snapshot, gzip_accepted);
  }};
}

}  // namespace sockherd::api
