#include "daemon/worker/file_answer.h"

#include <array>

#include "daemon/http/conditional.h"

namespace sockherd::worker {
namespace {

constexpr http::Field kAcceptRanges = {"Accept-Ranges", "bytes"};
constexpr http::Field kNoSniffing = {"X-Content-Type-Options", "nosniff"};

}  // namespace

void FileAnswer::send() {
  const http::Evaluation evaluation = http::evaluate_conditions(
      head_, {.etag = chosen_.tag.view(), .last_modified = file_.modified}, file_.looked_at);
  switch (evaluation.condition) {
    case http::Condition::NotModified:
      return send_status(304);
    case http::Condition::PreconditionFailed:
      return exchange_.answer_error(412, "", {});
    case http::Condition::Proceed:
      break;
  }
  if (!evaluation.range_counts) return send_whole();
  const http::RangeSet set = http::parse_ranges(head_.field("range"), size());
  switch (set.kind()) {
    case http::RangeKind::Whole:
      return send_whole();
    case http::RangeKind::Partial:
      // Several are answered with the whole, as RFC 9110 section 14.2 allows.
      return set.ranges().size() == 1 ? send_part(set.ranges().front()) : send_whole();
    case http::RangeKind::Unsatisfiable:
      return send_unsatisfiable();
  }
}

void FileAnswer::send_status(int status) {
  const std::array fields = {tag(), modified()};
  exchange_.answer({.status = status, .fields = fields});
}

void FileAnswer::send_whole() {
  const std::array fields = {tag(), modified(), kAcceptRanges, kNoSniffing};
  exchange_.answer({.content_type = file_.media_type,
                    .fields = fields,
                    .content = FilePart{chosen_.file, 0, size()}});
}

void FileAnswer::send_part(const http::ByteRange& range) {
  const http::ContentRange content_range(range, size());
  const std::array fields = {tag(), modified(), http::Field{"Content-Range", content_range.view()},
                             kNoSniffing};
  exchange_.answer({.status = 206,
                    .content_type = file_.media_type,
                    .fields = fields,
                    .content = FilePart{chosen_.file, range.first, range.size()}});
}

void FileAnswer::send_unsatisfiable() {
  const auto content_range = http::ContentRange::unsatisfied(size());
  const std::array fields = {http::Field{"Content-Range", content_range.view()}};
  exchange_.answer_error(416, "", fields);
}

}  // namespace sockherd::worker
