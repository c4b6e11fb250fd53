// Admin: the admin process, wired: what the supervisor passed, the bus, the API, the server, and
// when to end.
#pragma once

#include <systemd/sd-event.h>

#include <memory>
#include <string>
#include <vector>

#include "admin/api/api.h"
#include "admin/api/limits.h"
#include "admin/api/server.h"
#include "admin/api/watch.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/bus/client.h"
#include "daemon/sys/activation.h"

namespace sockherd::api {

// What the supervisor passes by LISTEN_FDS, by name.
struct Handover {
  std::vector<UniqueFd> listeners;  // "sockherd.admin"
  UniqueFd control;                 // bus::kControlFdName
  UniqueFd config;                  // "sockherd.config"
};
// Errors: something that we cannot do without is missing.
Result<Handover> sort_handover(std::vector<sys::PassedFd> passed);

class Admin {
 public:
  // hosts: admin.hosts of the configuration. Borrows the loop.
  static Result<std::unique_ptr<Admin>> create(sd_event* loop, Handover handover,
                                               const std::vector<std::string>& hosts,
                                               const Limits& limits = {});

  // Finishes what is under way, for limits.stop_timeout at most, and ends the loop with 0.
  void stop();

 private:
  Admin(sd_event* loop, const Limits& limits) : loop_(loop), limits_(limits) {}

  static int on_signal(sd_event_source*, const signalfd_siginfo*, void* self);
  static int on_stop_deadline(sd_event_source*, uint64_t, void* self);
  static int on_turn(sd_event_source*, void* self);
  Result<void> watch_signals();
  Result<void> watch_supervisor();
  metrics::AdminCounts server_counts() const;

  sd_event* loop_;
  Limits limits_;
  std::optional<bus::Client> client_;  // outlives who borrows it
  std::unique_ptr<Api> api_;
  std::unique_ptr<Server> server_;
  std::vector<Watch> watches_;
  Watch stop_timer_;
  bool stopping_ = false;
};

}  // namespace sockherd::api
