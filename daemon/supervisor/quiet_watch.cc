#include "daemon/supervisor/quiet_watch.h"

#include "daemon/base/clock.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr auto kSettle = std::chrono::milliseconds(2);
constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr auto kGrace = std::chrono::seconds(1);  // without sock_diag: several usual round trips

}  // namespace

Result<QuietWatch> QuietWatch::create(sd_event* loop, std::vector<uint16_t> ports,
                                      std::function<void()> quiet) {
  QuietWatch watch;
  State* state = watch.state_.get();
  state->ports = std::move(ports);
  state->quiet = std::move(quiet);
  state->timer = TRY(Watch::timer(loop, [state] { state->look(); }));
  state->timer.arm(monotonic_now() + kSettle);
  return watch;
}

void QuietWatch::State::look() {
  if (!has_looked) {
    has_looked = true;
    if (!look_first()) {
      timer.arm(monotonic_now() + kGrace);
      return;
    }
  }
  if (is_quiet()) {
    const auto callback = quiet;  // it may destroy us
    callback();
  } else {
    timer.arm(monotonic_now() + kPoll);
  }
}

bool QuietWatch::State::look_first() {
  for (const uint16_t port : ports) {
    auto now = sys::handshakes_under_way(port);
    if (!now) {
      seen.clear();
      return false;
    }
    seen.push_back(std::move(now).value());
  }
  return true;
}

bool QuietWatch::State::is_quiet() const {
  for (const int socket : queues) {
    if (sys::accept_queue(socket).length > 0) return false;
  }
  for (const auto& condition : conditions) {
    if (!condition()) return false;
  }
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i].empty()) continue;
    auto now = sys::handshakes_under_way(ports[i]);
    // It answered before, so a failure passes (EMFILE); until then nobody knows.
    if (!now.ok() || sys::any_left(seen[i], now.value())) return false;
  }
  return true;
}

}  // namespace sockherd::supervisor
