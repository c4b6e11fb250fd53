// THE event table: what can happen to the service. A line of the supervisor's log whose name stands
// here is an event too: it is numbered, kept for readers (event_ring.h) and counted, by journal.h.
// Metrics and sockherdctl(1) take the names from here, and the catalog of the systemd journal
// (packaging/catalog) the numbers: a new event gets one of `systemd-id128 new`, and keeps it for
// ever.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "daemon/base/log.h"
#include "daemon/fleet/action.h"

namespace sockherd::supervisor {

struct EventInfo {
  std::string_view name;
  log::Level level = log::Level::Info;
  std::string_view help;
  std::string_view id;                             // MESSAGE_ID= in the systemd journal
  std::optional<fleet::What> what = std::nullopt;  // set: a transition of the fleet
};

std::span<const EventInfo> events();
const EventInfo* find_event(std::string_view name);
const EventInfo& event_of(fleet::What what);

}  // namespace sockherd::supervisor
