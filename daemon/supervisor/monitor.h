// Monitor: looks at the workers now and then: who hangs, who is worn out, which sockets nobody
// attends to, and whether enough of them make progress for systemd's watchdog.
#pragma once

#include <systemd/sd-event.h>

#include <functional>
#include <map>
#include <vector>

#include "daemon/fleet/fleet.h"
#include "daemon/supervisor/hands.h"
#include "daemon/supervisor/hang_watch.h"
#include "daemon/supervisor/watch.h"

namespace sockherd::supervisor {

class Monitor {
 public:
  struct Progress {
    uint32_t wanted = 0;   // workers
    uint32_t serving = 0;  // ready ones that do not hang
  };

  // post: takes an event to the fleet. looked: called after each look.
  static Result<Monitor> create(sd_event* loop, Hands& hands, const fleet::Fleet& fleet,
                                std::function<void(fleet::Event)> post,
                                std::function<void(const Progress&)> looked);
  void start();

 private:
  struct State {
    Hands& hands;
    const fleet::Fleet& fleet;
    std::function<void(fleet::Event)> post;
    std::function<void(const Progress&)> looked;
    std::map<fleet::WorkerId, std::vector<HangWatch>> watches;  // one a thread
    Watch timer;

    void look();
    void look_at(fleet::WorkerId id, const Hands::Running& worker, Instant now);
    const char* find_hang(fleet::WorkerId id, const Hands::Running& worker, Instant now,
                          Duration limit);
    bool has_queue(const Hands::Running& worker, size_t thread) const;
    Progress progress() const;
  };
  // The timer's callback points to it, so it stays where it is.
  std::unique_ptr<State> state_;
};

}  // namespace sockherd::supervisor
