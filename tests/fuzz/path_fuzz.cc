// The input is an encoded path. Whatever it is: what path.h promises of a plain path holds.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/assert.h"
#include "daemon/http/media_type.h"
#include "daemon/http/path.h"

namespace {

using namespace sockherd::http;

void check_promises(std::string_view path) {
  SH_ASSERT(path.starts_with('/'));
  for (const std::string_view forbidden : {"//", "/./", "/../", "\\"}) {
    SH_ASSERT(path.find(forbidden) == path.npos);
  }
  SH_ASSERT(!path.ends_with("/.") && !path.ends_with("/.."));
  for (const char c : path) SH_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

std::string escape(std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    if (c == '/') {
      escaped += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped += {'%', "0123456789ABCDEF"[byte >> 4U], "0123456789abcdef"[byte & 15U]};
  }
  return escaped;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view encoded(reinterpret_cast<const char*>(data), size);
  media_type(encoded);
  std::vector<char> buffer(size);
  const PlainPath plain = plain_path(encoded, buffer);
  SH_ASSERT((plain.fault == PathFault::None) == !plain.path.empty());
  if (plain.fault != PathFault::None) return 0;
  SH_ASSERT(plain.path.size() <= size);
  check_promises(plain.path);
  // A plain path, all of it escaped, is itself again.
  const std::string escaped = escape(plain.path);
  std::vector<char> second(escaped.size());
  SH_ASSERT(plain_path(escaped, second).path == plain.path);
  return 0;
}
