// ServiceManager: what we tell systemd. Its order of messages is part of the contract
// (sd_notify(3)): RELOADING=1 with MONOTONIC_USEC in one message, READY=1 at the end of every
// reload, failed ones too.
//
// Its own deadlines (TimeoutStartSec=, TimeoutStopSec=) know nothing of those of our pools, which
// may be longer. So as long as it waits for us, and we for something that has a deadline, it is
// asked for more time, a little at once: it must notice where we stand still.
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
  // Asks for more time, where it waits for us: for the first ready(), the one after reloading(), or
  // our end. until: when what we wait for gets on or fails; nothing = nobody knows. To be called
  // now and then, more often than once in kExtendEvery; it is not sent more often than that.
  void extend(std::optional<Instant> until, Instant now);
  static constexpr Duration kExtendEvery = std::chrono::seconds(10);

  // Sent only when it has changed.
  void status(const std::string& text);

 private:
  void send(const std::string& message);
  std::optional<Duration> ping_every_;  // nothing = not looked yet; 0 = never
  Instant last_ping_;
  bool is_waiting_ = true;  // for us
  std::optional<Instant> extended_at_;
  std::string last_status_;
  bool has_failed_ = false;
};

}  // namespace sockherd::supervisor
