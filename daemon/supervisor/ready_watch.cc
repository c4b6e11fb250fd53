#include "daemon/supervisor/ready_watch.h"

#include <algorithm>

namespace sockherd::supervisor {
namespace {

constexpr Duration kAliveFor = std::chrono::seconds(1);

// A program that starts in no time is found at once; one that takes a minute is not pestered.
constexpr Duration kFirstPause = std::chrono::milliseconds(10);
constexpr Duration kLongestPause = std::chrono::milliseconds(320);

// Somebody else was quicker: the next one may be ours.
constexpr Duration kPauseAfterOthers = std::chrono::milliseconds(20);

}  // namespace

void ReadyWatch::probed(ProbeOutcome outcome, Instant now) {
  has_passed_ = has_passed_ || outcome == ProbeOutcome::Passed;
  is_unsure_ = is_unsure_ || outcome == ProbeOutcome::Unsure;
  // At an address of its own a stranger stays.
  const bool was_taken = outcome == ProbeOutcome::Elsewhere && reach_ != Reach::Own;
  const Duration pause =
      std::min(kFirstPause * (int64_t{1} << std::min(probes_, 5U)), kLongestPause);
  if (!was_taken) ++probes_;
  probe_at_ = now + (was_taken ? kPauseAfterOthers : pause);
}

ReadyWatch::Next ReadyWatch::when_alive(Instant now, Duration time) const {
  if (now - born_ >= time) return {Step::Ready, std::nullopt};
  return {Step::Wait, born_ + time};
}

ReadyWatch::Next ReadyWatch::when_probed(Instant now) const {
  if (has_passed_) return {Step::Ready, std::nullopt};
  if (reach_ == Reach::None || is_unsure_) return when_alive(now, kAliveFor);
  if (now < probe_at_) return {Step::Wait, probe_at_};
  return {Step::Probe, std::nullopt};
}

ReadyWatch::Next ReadyWatch::next(Instant now) const {
  switch (rule_.kind) {
    case config::ReadyRule::Kind::Notify:
      break;
    case config::ReadyRule::Kind::Alive:
      return when_alive(now, rule_.time);
    case config::ReadyRule::Kind::Http:
    case config::ReadyRule::Kind::Connect:
      return when_probed(now);
    case config::ReadyRule::Kind::Seen:
      if (is_speaker_) break;
      if (is_listening_) return {Step::Ready, std::nullopt};
      if (reach_ == Reach::Own) return when_probed(now);
      if (will_listen_) break;
      return when_alive(now, kAliveFor);
  }
  return {Step::Wait, std::nullopt};
}

}  // namespace sockherd::supervisor
