#include "daemon/http/event_stream.h"

#include <algorithm>

namespace sockherd::http {
namespace {

constexpr std::string_view kLineEnds = "\r\n";

bool is_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

bool is_stream_event(const StreamEvent& event) {
  return is_line(event.event) && is_line(event.id);
}

std::string write_stream_event(const StreamEvent& event) {
  std::string text;
  text.reserve(event.data.size() + event.event.size() + event.id.size() + 48);
  if (!event.event.empty()) text.append("event: ").append(event.event) += '\n';
  if (!event.id.empty()) text.append("id: ").append(event.id) += '\n';
  if (event.retry_ms)
    text += "retry: " + std::to_string(std::max<int64_t>(0, *event.retry_ms)) + "\n";
  std::string_view data = event.data;
  for (;;) {
    const size_t end = std::min(data.find_first_of(kLineEnds), data.size());
    text.append("data: ").append(data.substr(0, end)) += '\n';
    if (end == data.size()) break;
    data.remove_prefix(data.substr(end).starts_with(kLineEnds) ? end + 2 : end + 1);
  }
  return text += '\n';
}

}  // namespace sockherd::http
