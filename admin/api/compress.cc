#include "admin/api/compress.h"

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "admin/api/message.h"

namespace sockherd::api {
namespace {

constexpr int kGzipWindowBits = 15 + 16;  // deflateInit2: 16 asks for a gzip header
constexpr int kMemoryLevel = 8;

std::string_view trim(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

// "q=0", "q=0.000": not acceptable.
bool is_zero_weight(std::string_view parameter) {
  parameter = trim(parameter);
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) return false;
  return parameter.find_first_not_of("0.", 2) == std::string_view::npos;
}

// Whether one list takes gzip; nothing where it does not speak of it.
std::optional<bool> gzip_in(std::string_view list) {
  std::optional<bool> named;
  std::optional<bool> any;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view item = list.substr(0, comma);
    const size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view coding = trim(item.substr(0, semicolon));
    const bool taken = semicolon == item.size() || !is_zero_weight(item.substr(semicolon + 1));
    if (equal_ignoring_case(coding, "gzip")) named = taken;
    if (coding == "*") any = taken;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return named ? named : any;
}

}  // namespace

bool accepts_gzip(const std::vector<std::string_view>& accept_encoding) {
  return std::any_of(accept_encoding.begin(), accept_encoding.end(),
                     [](std::string_view list) { return gzip_in(list).value_or(false); });
}

Result<std::string> gzip(std::string_view text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return Error{0, "deflateInit2 failed"};
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int outcome = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (outcome != Z_STREAM_END) return Error{0, "deflate failed"};
  return packed;
}

}  // namespace sockherd::api
