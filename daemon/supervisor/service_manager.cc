#include "daemon/supervisor/service_manager.h"

#include <systemd/sd-daemon.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/sys/notify.h"

namespace sockherd::supervisor {

void ServiceManager::ready() {
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
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(now.since_boot).count();
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void ServiceManager::stopping() {
  send("STOPPING=1");
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
