// The input is, by its first byte: a compressed message, which never becomes longer than allowed; a
// text, which comes back as it was from every window; or the value of Sec-WebSocket-Extensions.
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/http/request.h"
#include "daemon/websocket/deflate.h"
#include "daemon/websocket/deflate_terms.h"

namespace {

using namespace sockherd::websocket;
using Outcome = Inflater::Outcome;

constexpr size_t kMost = 5000;

// Used for all inputs, as by all connections: what one leaves behind must not show in the next.
Inflater& shared_inflater() {
  static Inflater inflater;
  return inflater;
}

void inflate(std::string_view payload) {
  std::string shared;
  const Outcome outcome = shared_inflater().inflate(payload, kMost, shared);
  std::string fresh;
  Inflater inflater;
  SH_ASSERT(inflater.inflate(payload, kMost, fresh) == outcome);
  if (outcome != Outcome::Done) return;
  SH_ASSERT(shared == fresh);
  SH_ASSERT(shared.size() <= kMost);
  // One byte less is too long, and exactly so much is not.
  if (!shared.empty()) {
    SH_ASSERT(inflater.inflate(payload, shared.size() - 1, fresh) == Outcome::TooLong);
  }
  SH_ASSERT(inflater.inflate(payload, shared.size(), fresh) == Outcome::Done);
}

// What a client makes of it that has only so much of a window.
std::string inflate_in_window(std::string payload, int bits, size_t size) {
  z_stream stream{};
  SH_ASSERT(::inflateInit2(&stream, -bits) == Z_OK);
  payload += std::string("\0\0\xff\xff", 4);
  std::string text(size + 1, '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(payload.data());
  stream.avail_in = static_cast<uInt>(payload.size());
  stream.next_out = reinterpret_cast<unsigned char*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  SH_ASSERT(::inflate(&stream, Z_SYNC_FLUSH) == Z_OK);
  SH_ASSERT(stream.avail_in == 0);
  text.resize(stream.total_out);
  ::inflateEnd(&stream);
  return text;
}

void deflate(std::string_view text, uint8_t bits) {
  static Deflater deflater;
  std::string payload;
  if (!deflater.deflate(text, bits, payload)) return;
  SH_ASSERT(payload.size() < text.size());
  SH_ASSERT(inflate_in_window(payload, bits, text.size()) == text);
  std::string back;
  SH_ASSERT(shared_inflater().inflate(payload, text.size(), back) == Outcome::Done);
  SH_ASSERT(back == text);
}

void negotiate(std::string_view value) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Extensions: ";
  bytes.append(value).append("\r\n\r\n");
  const auto head = std::make_unique<sockherd::http::RequestHead>();
  size_t scanned = 0;
  const auto result = sockherd::http::parse_request_head(bytes, {}, *head, scanned);
  if (result.state != sockherd::http::ParseState::Complete) return;
  const auto terms = negotiate_deflate(*head).terms;
  if (!terms) return;
  SH_ASSERT(terms->server_window_bits >= 8 && terms->server_window_bits <= 15);
  SH_ASSERT(terms->answer().find("server_no_context_takeover") != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      inflate(bytes);
      break;
    case 1:
      deflate(bytes, static_cast<uint8_t>(8 + data[0] / 3 % 8));
      break;
    default:
      negotiate(bytes);
  }
  return 0;
}
