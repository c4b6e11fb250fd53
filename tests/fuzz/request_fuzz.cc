// The input is a stream of request heads. Whatever it is: no look outside of it, views only into
// it, and a verdict that does not depend on how the bytes were cut into packets.
#include <cstring>
#include <memory>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/http/request.h"

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

void check_head(const RequestHead& head, std::string_view bytes) {
  for (const std::string_view view : {head.method_text, head.target, head.query, head.host}) {
    check_view(view, bytes);
  }
  if (head.form != TargetForm::Asterisk) check_view(head.path, bytes);
  SH_ASSERT(head.field_count <= RequestHead::kMaxFields);
  for (const Field& field : head.fields()) {
    check_view(field.name, bytes);
    check_view(field.value, bytes);
    SH_ASSERT(!field.name.empty());
    SH_ASSERT(field.name.find_first_of(std::string_view(" \t\r\n\0:", 6)) == field.name.npos);
    SH_ASSERT(field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos);
  }
  const bool has_path = head.form == TargetForm::Origin || head.form == TargetForm::Absolute;
  SH_ASSERT(!has_path || head.path.starts_with('/'));
  SH_ASSERT(head.minor_version <= 1);
  SH_ASSERT(head.body != BodyKind::Chunked || head.minor_version == 1);
  SH_ASSERT(head.target.find_first_of(std::string_view(" \t\r\n\0#", 6)) == head.target.npos);
}

void check_same(const ParseResult& a, const ParseResult& b) {
  SH_ASSERT(a.state == b.state);
  SH_ASSERT(a.consumed == b.consumed);
  SH_ASSERT(a.status == b.status);
  SH_ASSERT(std::string_view(a.reason) == b.reason);
}

// A verdict on a prefix must be the verdict on the whole.
ParseResult parse_prefix(std::string_view prefix, const HeadLimits& limits, RequestHead& head,
                         size_t& scanned, const ParseResult& whole) {
  const Piece piece(prefix);
  const ParseResult result = parse_request_head(piece.view(), limits, head, scanned);
  SH_ASSERT(scanned <= prefix.size());
  if (result.state != ParseState::Incomplete) check_same(result, whole);
  if (result.state == ParseState::Complete) check_head(head, piece.view());
  return result;
}

void check_cuts(std::string_view bytes, const HeadLimits& limits, const ParseResult& whole) {
  RequestHead head;
  size_t scanned = 0;
  ParseResult result;
  for (size_t size = 0; size <= bytes.size(); ++size) {
    result = parse_prefix(bytes.substr(0, size), limits, head, scanned, whole);
    if (result.state != ParseState::Incomplete) break;
  }
  check_same(result, whole);
  // A few cuts in two, spread over the bytes.
  const size_t stride = bytes.size() / 8 + 1;
  for (size_t size = bytes.size() % stride; size < bytes.size(); size += stride) {
    scanned = 0;
    result = parse_prefix(bytes.substr(0, size), limits, head, scanned, whole);
    if (result.state == ParseState::Incomplete) {
      check_same(parse_prefix(bytes, limits, head, scanned, whole), whole);
    }
  }
}

void check(std::string_view bytes, const HeadLimits& limits) {
  for (;;) {
    RequestHead head;
    size_t scanned = 0;
    const ParseResult whole = parse_request_head(bytes, limits, head, scanned);
    SH_ASSERT(whole.consumed <= bytes.size());
    SH_ASSERT((whole.status != 0) == (whole.state == ParseState::Refused));
    check_cuts(bytes, limits, whole);
    if (whole.state != ParseState::Complete) return;
    SH_ASSERT(whole.consumed > 0 && whole.consumed <= limits.max_bytes);
    check_head(head, bytes);
    bytes.remove_prefix(whole.consumed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes, {});
  check(bytes, {.max_bytes = 96, .max_target_bytes = 16, .max_fields = 3});
  return 0;
}
