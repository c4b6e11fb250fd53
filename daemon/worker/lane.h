// Lane: what one thread of a worker serves with: a loop with its own listening sockets,
// connections, buffers, timers, routes and counters. Lanes share nothing but what the kernel shares
// for them, so nothing in them is locked; what comes from other threads comes by mailbox (crew.h).
//
// Made, turned and destroyed by one thread.
#pragma once

#include <memory>
#include <optional>

#include "daemon/base/result.h"
#include "daemon/config/config.h"
#include "daemon/io/loop.h"
#include "daemon/rooms/hub.h"
#include "daemon/worker/acceptors.h"
#include "daemon/worker/access_log.h"
#include "daemon/worker/identity.h"
#include "daemon/worker/launch.h"
#include "daemon/worker/limits.h"
#include "daemon/worker/router.h"
#include "daemon/worker/routes.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Lane {
 public:
  struct Setup {
    const config::Pool* pool;  // borrowed for the call
    Identity identity;
    Limits limits;
    std::optional<uint32_t> cpu;         // to stay on
    Modules* modules;                    // of the worker, outlives the lane
    AccessWriter* access_log = nullptr;  // of the worker, outlives the lane; null: off
  };

  // Accepts from its sockets once it is turned.
  // Errors: a descriptor that is no listening socket, a directory that cannot be opened; their code
  // is the exit status.
  static Result<std::unique_ptr<Lane>> create(const Setup& setup, Launch::Part part);

  io::Loop& loop() { return *loop_; }
  Service& service() { return service_; }
  Acceptors& acceptors() { return acceptors_; }

  // Waits for something to do, at most until `at_the_latest` and not longer than the supervisor has
  // patience with a loop, and does it.
  void turn(Instant at_the_latest);

  // Takes what waits in its queues, lets go of all its sockets, and answers what is under way.
  void drain();

  // The drain has nothing left to do.
  bool is_empty() const {
    return service_.phase == ServicePhase::Draining && service_.connections.size() == 0 &&
           service_.background == 0 && !hub_.is_under_way();
  }

 private:
  Lane(const Setup& setup, Launch::Part& part, std::unique_ptr<io::Loop> loop, Router router);

  CounterPage statistics_;
  Duration heartbeat_;  // the longest that the loop sleeps; 0: as long as it likes
  std::unique_ptr<io::Loop> loop_;
  rooms::Hub hub_;         // before routes and connections, which are in rooms
  UpstreamMap upstreams_;  // before routes, whose requests hold places there
  Router router_;
  std::unique_ptr<AccessLog> access_log_;  // before service_, whose connections log to the end
  Service service_;
  Acceptors acceptors_;
};

}  // namespace sockherd::worker
