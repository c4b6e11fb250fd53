// What the supervisor tells of itself: the dictionaries of bus/interface.h.
#pragma once

#include <string>
#include <vector>

#include "daemon/bus/dictionary.h"
#include "daemon/fleet/state.h"
#include "daemon/supervisor/event_ring.h"

namespace sockherd::supervisor {

class Supervisor;

bus::Dictionary report_status(const Supervisor& supervisor);
std::vector<bus::Dictionary> report_pools(const Supervisor& supervisor);
// pool: "" = of all.
std::vector<bus::Dictionary> report_workers(const Supervisor& supervisor, const std::string& pool);
// Of a worker only what it costs nothing to know.
bus::Dictionary report_identity(const Supervisor& supervisor, const fleet::Worker& worker);
std::vector<bus::Dictionary> report_listeners(const Supervisor& supervisor);
std::vector<bus::Dictionary> report_upstreams(const Supervisor& supervisor);
std::vector<bus::Dictionary> report_events(const std::vector<Event>& events);
bus::Dictionary report_page(const EventRing::Page& page);
// With all names of the event table.
bus::Dictionary report_event_counts(const EventRing::Counts& counts);

}  // namespace sockherd::supervisor
