#include "daemon/supervisor/hang_watch.h"

#include "daemon/supervisor/look_gap.h"

namespace sockherd::supervisor {

std::optional<fleet::HangReason> HangWatch::look(const Sight& sight, Instant now, Duration limit) {
  const bool is_first = !last_ || now - looked_at_ > longest_gap(limit);
  looked_at_ = now;
  if (is_first || sight.beats != last_->beats) beat_at_ = now;
  if (is_first || !sight.has_queue || sight.accepted != last_->accepted) accepted_at_ = now;
  last_ = sight;
  if (limit <= Duration{0}) return std::nullopt;
  if (now - beat_at_ >= limit) return fleet::HangReason::Loop;
  if (now - accepted_at_ >= limit) return fleet::HangReason::Queue;
  return std::nullopt;
}

}  // namespace sockherd::supervisor
