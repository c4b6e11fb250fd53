// Readiness: asks the commands that start whether they serve, by the rule of their pool
// (ready_watch.h), and says so. Those that say READY=1 are left in peace.
//
// Commands accept on the socket of their slot, which gets no connection of a client before they are
// ready. So a probe is aimed (Listeners::aim): the group's steering sends what comes from its port
// to that socket. In a rollout the old worker accepts there too: then the kernel is asked who has
// taken the connection, and only the new worker counts (sys/accepted.h). At an address of its own
// it is asked who listens there (address_owner.h).
#pragma once

#include <systemd/sd-event.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "daemon/config/config.h"
#include "daemon/fleet/spec.h"
#include "daemon/supervisor/listeners.h"
#include "daemon/supervisor/probe.h"
#include "daemon/supervisor/ready_watch.h"
#include "daemon/sys/notify_socket.h"

namespace sockherd::supervisor {

class Readiness {
 public:
  struct Subject {
    const config::Pool& pool;  // not kept
    pid_t pid = -1;
    std::optional<sys::SocketAddress> own_address = std::nullopt;
    // A socket of its slot that can be aimed at; "" = it has none.
    std::string listener = {};
    uint32_t number = 0;
    // Whether nobody else accepts from its sockets.
    std::function<bool()> is_alone = nullptr;
  };

  // ready: a worker serves. Called from the loop.
  Readiness(sd_event* loop, Listeners& listeners, std::function<void(fleet::WorkerId)> ready)
      : loop_(loop), listeners_(listeners), ready_(std::move(ready)) {}

  // Returns what it will be waited for, for people; "" where there is nothing to say.
  std::string begin(fleet::WorkerId id, Subject subject);
  void forget(fleet::WorkerId id) { waiting_.erase(id); }

  // What it said on its notify socket.
  void on_notification(fleet::WorkerId id, const sys::Notification& said);
  // It was seen to listen.
  void listens(fleet::WorkerId id);

 private:
  struct Waiting {
    ReadyWatch watch;
    std::string program;  // whose workers are alike
    std::string path;     // of a GET
    pid_t pid = -1;
    std::optional<sys::SocketAddress> own_address;
    std::string listener;
    uint32_t number = 0;
    std::function<bool()> is_alone;
    bool has_met_another = false;  // at its own address
    Watch timer = {};
    std::unique_ptr<Probe> probe = nullptr;
  };

  void go_on(fleet::WorkerId id);
  void probe(fleet::WorkerId id, Waiting& waiting);
  Probe::Question question_to(const Waiting& waiting);
  static Probe::Question question_to_own(const Waiting& waiting);
  void on_probed(fleet::WorkerId id, ProbeOutcome outcome);

  sd_event* loop_;
  Listeners& listeners_;
  std::function<void(fleet::WorkerId)> ready_;
  std::map<fleet::WorkerId, Waiting> waiting_;
  std::set<std::string> speakers_;  // programs that have said READY=1
};

}  // namespace sockherd::supervisor
