#include "daemon/supervisor/queue_watch.h"

#include <utility>

#include "daemon/supervisor/look_gap.h"

namespace sockherd::supervisor {

QueueWatch::Verdict QueueWatch::look(const Sight& sight, Instant now, Duration limit,
                                     const std::function<Moved()>& has_moved) {
  const bool is_first = !last_ || now - looked_at_ > longest_gap(limit);
  const bool moves = is_first || sight.length == 0 || sight.length < *last_;
  looked_at_ = now;
  last_ = sight.length;
  if (moves) moved_at_ = now;
  const bool was_masked = std::exchange(is_masked_, !sight.gets_more);
  if (is_first || !was_masked) masked_at_ = now;
  verdict_ = limit > Duration{0} ? judge(now, limit, has_moved) : Verdict::Flows;
  return verdict_;
}

QueueWatch::Verdict QueueWatch::judge(Instant now, Duration limit,
                                      const std::function<Moved()>& has_moved) {
  const Duration stood = now - moved_at_;
  if (stood < limit / 4) return Verdict::Flows;
  if (verdict_ == Verdict::Flows) return Verdict::Doubtful;  // whoever waits now is noted
  if (stood < limit / 2) return Verdict::Doubtful;
  if (verdict_ == Verdict::Stalls && stood < limit) return Verdict::Stalls;
  // What was under way to it when it was masked has come by then.
  const bool is_exact = is_masked_ && now - masked_at_ >= limit / 4;
  const Moved moved = is_exact ? Moved::No : has_moved();
  if (stood < limit && moved != Moved::Yes) return Verdict::Stalls;
  if (stood >= limit && moved == Moved::No) return Verdict::Hangs;
  moved_at_ = now;
  return Verdict::Flows;
}

}  // namespace sockherd::supervisor
