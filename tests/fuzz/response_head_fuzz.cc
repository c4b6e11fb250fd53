// The input is what an upstream sends. Whatever
// it is: no look outside of it, views only into it, and a verdict that does not depend on how the
// bytes were cut into packets.
#include <cstring>
#include <memory>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/http/response_head.h"

namespace {

using namespace sockherd::http;

// A copy of exactly these bytes: a sanitizer sees any look behind them, and no view may survive
// from an earlier piece.
struct Piece {
  explicit Piece(std::string_view text) : copy(new char[text.size()]), size(text.size()) {
    if (size > 0) std::memcpy(copy.get(), text.data(), size);
  }
  std::string_view view() const { return {copy.get(), size}; }

  std::unique_ptr<char[]> copy;
  size_t size;
};

void check_view(std::string_view view, std::string_view bytes) {
  if (view.empty()) return;
  SH_ASSERT(view.data() >= bytes.data());
  SH_ASSERT(view.data() + view.size() <= bytes.data() + bytes.size());
}

bool ends_here(const ReceivedHead& head, size_t index) {
  return (head.hop_by_hop[index / 64] >> index % 64 & 1U) != 0;
}

void check_fields(const ReceivedHead& head, std::string_view bytes) {
  check_view(head.field_lines, bytes);
  SH_ASSERT(head.field_lines.empty() || head.field_lines.ends_with("\r\n"));
  const char* line = head.field_lines.data();
  for (const Field& field : head.fields()) {
    check_view(field.name, bytes);
    check_view(field.value, bytes);
    SH_ASSERT(!field.name.empty());
    SH_ASSERT(field.name.data() >= line);
    line = field.value.data() + field.value.size();
    SH_ASSERT(field.name.find_first_of(std::string_view(" \t\r\n\0:", 6)) == field.name.npos);
    SH_ASSERT(field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos);
  }
  for (size_t i = head.field_count; i < ReceivedHead::kMaxFields; ++i) {
    SH_ASSERT(!ends_here(head, i));
  }
}

void check_head(const ReceivedHead& head, const AskedFor& asked, std::string_view bytes) {
  SH_ASSERT(head.status >= 100 && head.status <= 599);
  SH_ASSERT(head.minor_version <= 1);
  check_view(head.reason_phrase, bytes);
  SH_ASSERT(head.reason_phrase.find_first_of(std::string_view("\r\n\0", 3)) ==
            head.reason_phrase.npos);
  SH_ASSERT(head.field_count <= ReceivedHead::kMaxFields);
  check_fields(head, bytes);
  const bool bodyless =
      asked.method == Method::Head || head.status < 200 || head.status == 204 || head.status == 304;
  SH_ASSERT(bodyless == (head.framing == Framing::None));
  SH_ASSERT(head.framing != Framing::Chunked || head.minor_version == 1);
  SH_ASSERT(head.framing != Framing::Length || head.has_content_length);
  SH_ASSERT(head.framing != Framing::UntilClose || !head.keep_alive);
  SH_ASSERT(head.status != 101 || (asked.upgrade && !head.keep_alive));
}

void check_same(const ParseResult& a, const ParseResult& b) {
  SH_ASSERT(a.state == b.state);
  SH_ASSERT(a.consumed == b.consumed);
  SH_ASSERT(a.status == b.status);
  SH_ASSERT(std::string_view(a.reason) == b.reason);
}

// A verdict on a prefix must be the verdict on the whole.
void check_cuts(std::string_view bytes, const ResponseLimits& limits, const AskedFor& asked,
                const ParseResult& whole) {
  ReceivedHead head;
  size_t scanned = 0;
  ParseResult result;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    const Piece piece(bytes.substr(0, size));
    result = parse_response_head(piece.view(), limits, asked, head, scanned);
    SH_ASSERT(scanned <= size);
    if (result.state == ParseState::Complete) check_head(head, asked, piece.view());
    if (result.state != ParseState::Incomplete) break;
  }
  check_same(result, whole);
}

// Returns how many bytes the content has of `bytes`.
size_t check_content(const ReceivedHead& head, std::string_view bytes) {
  BodyReader reader = body_of(head);
  SH_ASSERT(head.framing != Framing::None || reader.is_complete());
  size_t consumed = 0;
  while (!reader.is_complete()) {
    const BodyReader::Step step = reader.read(bytes.substr(consumed));
    consumed += step.consumed;
    SH_ASSERT(consumed <= bytes.size());
    if (step.state == ParseState::Refused || step.consumed == 0) break;
  }
  const bool ends = head.framing != Framing::UntilClose;
  SH_ASSERT(ends || (!reader.is_complete() && consumed == bytes.size()));
  return consumed;
}

void check(std::string_view bytes, const ResponseLimits& limits, const AskedFor& asked) {
  for (;;) {
    ReceivedHead head;
    size_t scanned = 0;
    const ParseResult whole = parse_response_head(bytes, limits, asked, head, scanned);
    SH_ASSERT((whole.status == 502) == (whole.state == ParseState::Refused));
    SH_ASSERT(whole.status == 0 || whole.status == 502);
    check_cuts(bytes, limits, asked, whole);
    if (whole.state != ParseState::Complete) return;
    SH_ASSERT(whole.consumed > 0 && whole.consumed <= limits.max_bytes);
    check_head(head, asked, bytes);
    bytes.remove_prefix(whole.consumed);
    bytes.remove_prefix(check_content(head, bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const AskedFor& asked :
       {AskedFor{}, AskedFor{.method = Method::Head}, AskedFor{.upgrade = true}}) {
    check(bytes, {}, asked);
  }
  check(bytes, {.max_bytes = 96, .max_fields = 3}, {});
  return 0;
}
