// The input is the value of a field: a date, a range, an authority, a list of entity-tags. Whatever
// it is: what comes out is within bounds, and can be written and read again.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/http/authority.h"
#include "daemon/http/byteranges.h"
#include "daemon/http/coding.h"
#include "daemon/http/conditional.h"
#include "daemon/http/date.h"
#include "daemon/http/range.h"
#include "daemon/http/response.h"

namespace {

using namespace sockherd::http;

constexpr int64_t kNow = 1700000000;

void check_date(std::string_view value) {
  const auto seconds = parse_date(value, kNow);
  if (!seconds) return;
  const auto text = format_date(*seconds);
  // But for the leap second at the end of the last year of the grammar.
  const auto again = parse_date({text.data(), text.size()}, kNow);
  SH_ASSERT(again == seconds || *seconds == 253402300800);
}

void check_ranges(std::string_view value) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{1000}, uint64_t{INT64_MAX}}) {
    const RangeSet set = parse_ranges(value, size);
    SH_ASSERT((set.kind() == RangeKind::Partial) == !set.ranges().empty());
    if (set.ranges().empty()) continue;
    uint64_t sum = 0;
    for (const ByteRange& range : set.ranges()) {
      SH_ASSERT(range.first <= range.last && range.last < size);
      sum += range.size();
    }
    SH_ASSERT(sum <= size);  // none overlap
    const ByterangesContent content(set, size, "text/plain", "boundary");
    SH_ASSERT(content.size() > sum && content.size() < sum + 4096);
  }
}

void check_authority(std::string_view value) {
  const auto authority = parse_authority(value);
  SH_ASSERT(is_authority(value) == authority.has_value());
  if (!authority) return;
  SH_ASSERT(!authority->host.empty() && value.starts_with(authority->host));
  SH_ASSERT(authority->host.find_first_of("@/?# \t") == authority->host.npos);
}

void check_conditions(std::string_view value) {
  const auto head = std::make_unique<RequestHead>();
  head->method = Method::Get;
  for (const std::string_view name :
       {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}) {
    head->storage = {Field{name, value}, Field{"Range", "bytes=0-1"}};
    head->field_count = 2;
    const Validators validators{.etag = "\"a\"", .last_modified = kNow};
    const Evaluation evaluation = evaluate_conditions(*head, validators, kNow);
    SH_ASSERT(evaluation.condition == Condition::Proceed || !evaluation.range_counts);
  }
}

void check_codings(std::string_view value) {
  const auto head = std::make_unique<RequestHead>();
  head->storage[0] = {"Accept-Encoding", value};
  head->field_count = 1;
  const AcceptedCodings accepted(*head);
  constexpr std::array kOffer = {Coding::Brotli, Coding::Gzip, Coding::Identity};
  const auto best = accepted.best(kOffer);
  SH_ASSERT(best ? !accepted.refuses(*best) : accepted.refuses(Coding::Identity));
}

void check_response(std::string_view value) {
  const Field field{"X", value};
  const ResponseHead head{.fields = {&field, 1}};
  std::string buffer(value.size() + 256, '\0');
  const HeadWritten written = write_response_head(head, buffer);
  if (written.outcome != WriteOutcome::Written) return;
  const std::string_view text = std::string_view(buffer).substr(0, written.bytes);
  SH_ASSERT(text.find("\r\n\r\n") == text.size() - 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  check_date(value);
  check_ranges(value);
  check_authority(value);
  check_conditions(value);
  check_codings(value);
  check_response(value);
  return 0;
}
