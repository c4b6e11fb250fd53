// ServiceManager: what we tell systemd. Its order of messages is part of the contract
// (sd_notify(3)): RELOADING=1 with MONOTONIC_USEC in one message, READY=1 at the end of every
// reload, failed ones too.
#pragma once

#include <optional>
#include <string>

#include "daemon/base/instant.h"

namespace sockherd::supervisor {

class ServiceManager {
 public:
  void ready();
  void reloading(Instant now);
  void stopping();
  // Says that we are alive, as often as the watchdog wants it; to be called more often than that.
  // The first time comes right after ready(), which starts the watchdog.
  void ping(Instant now);
  // Sent only when it has changed.
  void status(const std::string& text);

 private:
  void send(const std::string& message);
  std::optional<Duration> ping_every_;  // nothing = not looked yet; 0 = never
  Instant last_ping_;
  std::string last_status_;
  bool has_failed_ = false;
};

}  // namespace sockherd::supervisor
