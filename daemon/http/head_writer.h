// What the writers of heads share: the lines that frame a message, and fields of others.
//
// Internal: response.cc, forward_request.cc and forward_response.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "daemon/http/characters.h"
#include "daemon/http/request.h"
#include "daemon/http/response.h"
#include "daemon/http/writer.h"

namespace sockherd::http {

inline constexpr std::string_view kDate = "Date: ";
inline constexpr std::string_view kContentLength = "Content-Length: ";
inline constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";

// RFC 9110 section 7.6.3: who passes a message on says so, and in which version it came.
constexpr std::string_view via_line(uint8_t received_minor_version) {
  return received_minor_version == 0 ? "Via: 1.0 sockherd\r\n" : "Via: 1.1 sockherd\r\n";
}

inline std::string_view connection_line(ConnectionOption option) {
  switch (option) {
    case ConnectionOption::None:
      return "";
    case ConnectionOption::Close:
      return "Connection: close\r\n";
    case ConnectionOption::KeepAlive:
      return "Connection: keep-alive\r\n";
    case ConnectionOption::Upgrade:
      return "Connection: Upgrade\r\n";
  }
  return "";
}

inline bool is_value(std::string_view text) {
  const char* end = text.data() + text.size();
  return skip_field_bytes(text.data(), end) == end;
}

inline bool are_writable(std::span<const Field> fields) {
  for (const Field& field : fields) {
    if (!is_all(kTokenByte, field.name) || !is_value(field.value)) return false;
  }
  return true;
}

inline size_t size_of(std::span<const Field> fields) {
  size_t size = 0;
  for (const Field& field : fields) size += field.name.size() + field.value.size() + 4;
  return size;
}

inline void add_fields(Writer& writer, std::span<const Field> fields) {
  for (const Field& field : fields) {
    writer.add(field.name);
    writer.add(": ");
    writer.add(field.value);
    writer.add(kLineEnd);
  }
}

}  // namespace sockherd::http
