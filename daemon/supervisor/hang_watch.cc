#include "daemon/supervisor/hang_watch.h"

namespace sockherd::supervisor {
namespace {

// Whoever looks less often was stopped himself, and the worker perhaps with him (a suspended
// machine, a stopped group of processes): then the time in between says nothing.
constexpr Duration kLongestGap = std::chrono::seconds(2);

}  // namespace

const char* HangWatch::look(const Sight& sight, Instant now, Duration limit) {
  const bool is_first = !last_ || now - looked_at_ > kLongestGap;
  looked_at_ = now;
  if (is_first || sight.beats != last_->beats) beat_at_ = now;
  if (is_first || !sight.has_queue || sight.accepted != last_->accepted) accepted_at_ = now;
  last_ = sight;
  if (limit <= Duration{0}) return nullptr;
  if (now - beat_at_ >= limit) return "its loop stands still";
  if (now - accepted_at_ >= limit) return "connections wait and none is accepted";
  return nullptr;
}

}  // namespace sockherd::supervisor
