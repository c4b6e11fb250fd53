// The input is the value of a Cookie field, a query, and the attributes of a cookie to set. What is
// read is within bounds, and what may be written is one line that is read as it was meant.
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/assert.h"
#include "daemon/http/characters.h"
#include "daemon/http/event_stream.h"
#include "daemon/http/named_values.h"

namespace {

using namespace sockherd::http;

constexpr size_t kMost = 50;

void check_cookies(std::string_view text) {
  const std::string_view fields[] = {text, "last=1"};
  const auto cookies = parse_cookies(fields, kMost);
  if (!cookies) return;
  SH_ASSERT(cookies->pairs().size() <= kMost && !cookies->pairs().empty());
  for (const NamedValue& each : cookies->pairs()) {
    SH_ASSERT(is_all(kTokenByte, each.name));
    SH_ASSERT(each.value.find_first_of(";\r\n") == std::string_view::npos);
  }
  SH_ASSERT(cookies->find("last").has_value());
}

void check_query(std::string_view text) {
  const auto values = parse_urlencoded(text, kMost);
  if (!values) return;
  size_t bytes = 0;
  for (const NamedValue& each : values->pairs()) bytes += each.name.size() + each.value.size();
  SH_ASSERT(values->pairs().size() <= kMost && bytes <= text.size());
}

void check_set_cookie(std::string_view text) {
  const size_t third = text.size() / 3;
  const SetCookie cookie{.name = text.substr(0, third),
                         .value = text.substr(third, third),
                         .path = text.substr(2 * third),
                         .domain = "",
                         .max_age = static_cast<int64_t>(text.size())};
  if (!fault_of(cookie).empty()) return;
  const std::string written = write_set_cookie(cookie);
  SH_ASSERT(is_all(kFieldByte, written));
  const std::string_view sent = std::string_view(written).substr(0, written.find(';'));
  const std::string_view fields[] = {sent};
  const auto back = parse_cookies(fields, 1);
  SH_ASSERT(back && back->find(cookie.name) == cookie.value);
}

void check_event(std::string_view text) {
  const StreamEvent event{
      .data = text, .event = text.substr(0, 3), .id = text.substr(0, 2), .retry_ms = {}};
  if (!is_stream_event(event)) return;
  const std::string written = write_stream_event(event);
  SH_ASSERT(written.ends_with("\n\n") && written.find("\n\n") == written.size() - 2);
  SH_ASSERT(written.find('\r') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_cookies(text);
  check_query(text);
  check_set_cookie(text);
  check_event(text);
  return 0;
}
