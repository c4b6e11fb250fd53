// Server-Sent Events (WHATWG HTML section 9.2.5): an event as the lines that browsers read. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sockherd::http {

struct StreamEvent {
  std::string_view data;   // any lines
  std::string_view event;  // "" = "message"
  std::string_view id;
  std::optional<int64_t> retry_ms;
};

// Whether its event and id are one line each; an id with NUL would be ignored.
bool is_stream_event(const StreamEvent& event);

// Requires: is_stream_event(). Every line of data gets a field of its own, whatever ends it.
std::string write_stream_event(const StreamEvent& event);

// A line that browsers ignore.
inline constexpr std::string_view kStreamHeartbeat = ":\n\n";

}  // namespace sockherd::http
