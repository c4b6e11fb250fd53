// The journal: what has happened, as log lines and as events. A transition of the fleet is written
// to the log; each line of the log that stands in the event table is an event, and an entry of the
// systemd journal with its fields.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/log.h"
#include "daemon/fleet/state.h"
#include "daemon/supervisor/event_ring.h"

namespace sockherd::supervisor {

// pid: of the worker it is about, 0 where there is none any more.
void log_transition(const fleet::Happened& happened, pid_t pid);

// A worker that something was done to: worker-started, worker-draining.
void log_worker(std::string_view name, const fleet::Worker& worker, pid_t pid);

// The event that a log line is; nothing where its name is not in the table. unix_time: in seconds.
std::optional<Event> event_of_line(log::Level level, std::string_view name,
                                   std::span<const log::Fact> facts, double unix_time);

// The line as an entry of the systemd journal (sys/journal_socket.h): MESSAGE_ID= of an event,
// which finds its text in our catalog, and SOCKHERD_POOL=, SOCKHERD_SLOT=, ... for `journalctl
// FIELD=`.
std::string journal_entry(log::Level level, std::string_view name,
                          std::span<const log::Fact> facts);

// From now on lines for the journal go there as entries. What it does not take at once is written
// as text: nobody waits for it.
void log_with_fields();

}  // namespace sockherd::supervisor
