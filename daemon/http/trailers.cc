#include "daemon/http/trailers.h"

#include <algorithm>
#include <array>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/writer.h"

namespace sockherd::http {
namespace {

// RFC 9110 section 6.5.1 by its groups. A list of what is forbidden and not of what is allowed:
// applications send trailers of their own.
constexpr std::array<std::string_view, 46> kForbidden = {
    // Framing and connection.
    "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
    // Routing.
    "host", "forwarded", "max-forwards", "via", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-proto",
    // Authentication, cookies among it.
    "authorization", "authentication-info", "cookie", "proxy-authenticate",
    "proxy-authentication-info", "proxy-authorization", "set-cookie", "www-authenticate",
    // Request modifiers.
    "cache-control", "expect", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "pragma", "range",
    // Response controls.
    "age", "date", "expires", "location", "retry-after", "vary", "warning", "allow",
    // How content is read.
    "content-encoding", "content-location", "content-range", "content-type", "accept-ranges",
    "content-disposition"};

}  // namespace

bool is_allowed_in_trailers(std::string_view name) {
  return std::none_of(kForbidden.begin(), kForbidden.end(), [name](std::string_view forbidden) {
    return equals_ignore_case(forbidden, name);
  });
}

std::optional<std::span<const Field>> parse_trailers(std::string_view section,
                                                     std::span<Field> storage) {
  size_t count = 0;
  while (!section.empty()) {
    const size_t end = section.find(kLineEnd);
    const std::string_view line = section.substr(0, end);
    const size_t colon = line.find(':');
    // BodyReader has checked every line.
    SH_ASSERT(end != std::string_view::npos && colon != std::string_view::npos);
    section.remove_prefix(end + kLineEnd.size());
    const std::string_view name = line.substr(0, colon);
    if (!is_allowed_in_trailers(name)) continue;
    if (count == storage.size()) return std::nullopt;
    storage[count++] = {name, trim_blanks(line.substr(colon + 1))};
  }
  return storage.first(count);
}

}  // namespace sockherd::http
