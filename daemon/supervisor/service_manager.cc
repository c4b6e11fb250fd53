#include "daemon/supervisor/service_manager.h"

#include <systemd/sd-daemon.h>

#include <algorithm>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/sys/notify.h"

namespace sockherd::supervisor {
namespace {

// What follows upon the deadline of a worker: SIGKILL, the end of the admin process, our own words.
constexpr Duration kGrace = std::chrono::seconds(20);
constexpr Duration kLongestExtension = std::chrono::seconds(30);
static_assert(kGrace > ServiceManager::kExtendEvery);

}  // namespace

void ServiceManager::ready() {
  is_waiting_ = false;
  send("READY=1");
  last_ping_ = Instant{};
  ping(monotonic_now());
}

void ServiceManager::ping(Instant now) {
  if (!ping_every_) {
    uint64_t usec = 0;
    const bool is_wanted = ::sd_watchdog_enabled(/*unset_environment=*/0, &usec) > 0;
    ping_every_ = is_wanted ? std::chrono::microseconds(usec) / 4 : Duration{0};
  }
  if (*ping_every_ == Duration{0} || now - last_ping_ < *ping_every_) return;
  last_ping_ = now;
  send("WATCHDOG=1");
}

void ServiceManager::reloading(Instant now) {
  is_waiting_ = true;
  extended_at_.reset();
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(now.since_boot).count();
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void ServiceManager::stopping() {
  is_waiting_ = true;
  extended_at_.reset();
  send("STOPPING=1");
}

void ServiceManager::extend(std::optional<Instant> until, Instant now) {
  if (!is_waiting_ || !until || now >= *until + kGrace) return;
  if (extended_at_ && now - *extended_at_ < kExtendEvery) return;
  extended_at_ = now;
  const Duration by = std::min(*until + kGrace - now, kLongestExtension);
  const auto usec = std::chrono::ceil<std::chrono::microseconds>(by).count();
  send("EXTEND_TIMEOUT_USEC=" + std::to_string(usec));
}

void ServiceManager::status(const std::string& text) {
  if (text == last_status_) return;
  last_status_ = text;
  send("STATUS=" + text);
}

void ServiceManager::send(const std::string& message) {
  const auto sent = sys::notify(message);
  if (sent.ok() || has_failed_) return;
  has_failed_ = true;  // it will not get better; say it once
  log::warn("notify-failed", {{"error", sent.error().what}});
}

}  // namespace sockherd::supervisor
