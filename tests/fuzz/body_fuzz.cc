// The input is a chunked body and what follows it. Whatever it is: content only from within it, no
// more of it than allowed, and a verdict that does not depend on how the bytes were cut.
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/http/body.h"
#include "daemon/http/response.h"
#include "daemon/http/trailers.h"

namespace {

using namespace sockherd::http;

constexpr uint64_t kMax = 300;

struct Reading {
  BodyReader reader{BodyKind::Chunked, 0, kMax};
  BodyReader::Step last;
  size_t consumed = 0;
  std::string content;
  std::string trailers;

  void feed(std::string_view text) {
    const std::unique_ptr<char[]> copy(new char[text.size()]);
    if (!text.empty()) std::memcpy(copy.get(), text.data(), text.size());
    std::string_view piece(copy.get(), text.size());
    while (last.state == ParseState::Incomplete) {
      last = reader.read(piece);
      SH_ASSERT(last.consumed <= piece.size());
      SH_ASSERT(last.data.empty() ||
                (last.data.data() >= piece.data() &&
                 last.data.data() + last.data.size() <= piece.data() + last.consumed));
      SH_ASSERT(last.consumed > 0 || last.data.empty());
      consumed += last.consumed;
      content += last.data;
      trailers += last.trailers;
      SH_ASSERT(last.trailers.empty() ||
                (last.trailers.data() >= piece.data() &&
                 last.trailers.data() + last.trailers.size() <= piece.data() + last.consumed));
      piece.remove_prefix(last.consumed);
      if (last.consumed == 0) break;
    }
    // While more is wanted, nothing may be left: the caller would wait for bytes that it has.
    SH_ASSERT(last.state != ParseState::Incomplete || piece.empty());
  }
};

void check_same(const Reading& a, const Reading& b) {
  SH_ASSERT(a.last.state == b.last.state);
  SH_ASSERT(a.last.status == b.last.status);
  SH_ASSERT(std::string_view(a.last.reason) == b.last.reason);
  SH_ASSERT(a.consumed == b.consumed);
  SH_ASSERT(a.content == b.content);
  SH_ASSERT(a.trailers == b.trailers);
}

void check_trailers(std::string_view section) {
  SH_ASSERT(section.size() <= BodyReader::kMaxTrailerBytes);
  std::array<Field, 8> storage;
  const auto fields = parse_trailers(section, storage);
  if (!fields) return;
  for (const Field& field : *fields) SH_ASSERT(is_allowed_in_trailers(field.name));
  // What was received can be sent, and is read again.
  std::array<char, 2 * BodyReader::kMaxTrailerBytes> buffer;
  const size_t size = write_last_chunk(*fields, buffer);
  SH_ASSERT(size > 0);
  BodyReader reader(BodyKind::Chunked, 0, 0);
  const BodyReader::Step step = reader.read({buffer.data(), size});
  SH_ASSERT(step.state == ParseState::Complete || size > BodyReader::kMaxTrailerBytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Reading whole;
  whole.feed(bytes);
  SH_ASSERT(whole.content.size() <= kMax);
  SH_ASSERT(whole.content.size() == whole.reader.content_bytes());
  SH_ASSERT(whole.reader.is_complete() == (whole.last.state == ParseState::Complete));

  if (whole.last.state == ParseState::Complete) check_trailers(whole.trailers);

  Reading bytewise;
  for (size_t i = 0; i < size; ++i) bytewise.feed(bytes.substr(i, 1));
  check_same(bytewise, whole);

  const size_t stride = size / 8 + 1;
  for (size_t cut = size % stride; cut < size; cut += stride) {
    Reading two;
    two.feed(bytes.substr(0, cut));
    two.feed(bytes.substr(cut));
    check_same(two, whole);
  }
  return 0;
}
