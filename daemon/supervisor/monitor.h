// Monitor: looks at the workers now and then: who hangs, who is worn out, which sockets nobody
// attends to, and whether enough of them make progress for systemd's watchdog.
//
// The engine counts what it does (monitor.cc); of commands is seen what waits for them, what they
// say, and what memory they use (monitor_commands.cc).
#pragma once

#include <systemd/sd-event.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "daemon/fleet/fleet.h"
#include "daemon/supervisor/hands.h"
#include "daemon/supervisor/hang_watch.h"
#include "daemon/supervisor/queue_watch.h"
#include "daemon/supervisor/watch.h"

namespace sockherd::supervisor {

// Up to a fifth earlier, each worker at another time.
uint64_t requests_before_renewal(int64_t most, fleet::WorkerId id);

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
  // Who waited when a command became doubtful.
  struct Waiting {
    uint64_t own = 0;                                // in its own queues
    std::map<uint16_t, std::set<uint64_t>> by_port;  // at its ports, for siblings too
    std::optional<uint64_t> run_time;                // of the command and what it has started
  };
  // What is known of a command.
  struct Command {
    HangWatch beats;
    QueueWatch queue;
    Waiting waiting;
  };
  struct State {
    Hands& hands;
    const fleet::Fleet& fleet;
    std::function<void(fleet::Event)> post;
    std::function<void(const Progress&)> looked;
    std::map<fleet::WorkerId, std::vector<HangWatch>> watches;  // one a thread
    std::map<fleet::WorkerId, Command> commands;
    std::optional<std::map<uint16_t, uint64_t>> queues;  // by port, as of this look; asked for once
    uint64_t looks = 0;
    Watch timer;

    void look();
    void look_at(fleet::WorkerId id, const Hands::Running& worker, Instant now);
    void look_at_engine(const fleet::Worker& known, const Hands::Running& worker,
                        const config::Pool& pool, Instant now);
    void look_at_command(const fleet::Worker& known, const Hands::Running& worker,
                         const config::Pool& pool, Instant now);
    void look_at_queue(const fleet::Worker& known, const Hands::Running& worker, Command& command,
                       Instant now, Duration limit);
    void note_waiting(const Hands::Running& worker, Command& command);
    static QueueWatch::Moved moved(const Hands::Running& worker, const Waiting& noted);
    uint64_t queue_of(const Hands::Running& worker);
    std::vector<uint16_t> ports_of(const Hands::Running& worker) const;
    const char* find_wear(const Hands::Running& worker, fleet::WorkerId id,
                          const config::Pool& pool) const;
    std::optional<fleet::HangReason> find_hang(fleet::WorkerId id, const Hands::Running& worker,
                                               Instant now, Duration limit);
    bool has_queue(const Hands::Running& worker, size_t thread) const;
    Progress progress() const;
  };
  // The timer's callback points to it, so it stays where it is.
  std::unique_ptr<State> state_;
};

}  // namespace sockherd::supervisor
