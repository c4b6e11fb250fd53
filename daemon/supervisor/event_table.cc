#include "daemon/supervisor/event_table.h"

#include <algorithm>
#include <array>

#include "daemon/base/assert.h"

namespace sockherd::supervisor {
namespace {

using enum log::Level;
using fleet::What;

constexpr std::array kEvents = {
    EventInfo{"starting", Info, "The supervisor has started."},
    EventInfo{"adopted", Info, "It has taken over the workers of its predecessor."},
    EventInfo{"ready", Info, "The first set of workers serves."},
    EventInfo{"start-failed", Error, "The first set of workers cannot be started."},
    EventInfo{"handing-over", Info, "The supervisor leaves, and its workers serve on."},
    EventInfo{"stopping", Info, "The service is about to stop."},
    EventInfo{"stopping-now", Notice, "It was told to stop without patience."},
    EventInfo{"stopped", Info, "No worker is left."},

    EventInfo{"change-asked", Info, "Somebody asked for a reload, a restart or another count."},
    EventInfo{"change-refused", Notice, "What was asked for cannot be done."},
    EventInfo{"configuration-broken", Error, "The file cannot be used; the one before goes on."},
    EventInfo{"reloaded", Info, "A new configuration is in force."},
    EventInfo{"reload-failed", Error, "A reload has failed; nothing has changed by it."},
    EventInfo{"restart-done", Info, "The workers that were to be restarted are replaced."},
    EventInfo{"restart-failed", Info, "A restart has failed; who served serves on."},
    EventInfo{"pool-scaled", Info, "A pool shall have another number of workers.",
              What::PoolScaled},
    EventInfo{"rollout-started", Info, "Workers are about to be replaced.", What::RolloutStarted},
    EventInfo{"rolled-back", Warning, "A reload failed half-way; the way back has begun.",
              What::RolledBack},
    EventInfo{"upgrade-started", Info, "Workers of a predecessor are about to be replaced.",
              What::UpgradeStarted},
    EventInfo{"upgrade-done", Info, "All workers are of this program and configuration.",
              What::UpgradeDone},
    EventInfo{"upgrade-failed", Error, "New workers do not start; those of the predecessor serve.",
              What::UpgradeFailed},

    EventInfo{"worker-started", Debug, "A worker was started."},
    EventInfo{"worker-adopted", Info, "A worker of a predecessor was taken over.",
              What::WorkerAdopted},
    EventInfo{"worker-ready", Info, "A worker can serve.", What::WorkerReady},
    EventInfo{"worker-draining", Debug, "A worker was told to finish."},
    EventInfo{"worker-exited", Info, "A worker has ended as it was told to.", What::WorkerExited},
    EventInfo{"worker-crashed", Warning, "A worker has ended unasked.", What::WorkerCrashed},
    EventInfo{"worker-hung", Warning, "A worker makes no progress, and is ended.",
              What::WorkerHung},
    EventInfo{"worker-stalls", Notice, "A worker accepts nothing; new connections go to siblings.",
              What::WorkerStalls},
    EventInfo{"worker-goes-on", Notice, "A worker that has stalled accepts again.",
              What::WorkerGoesOn},
    EventInfo{"worker-worn", Info, "A worker is old enough to be replaced.", What::WorkerWorn},
    EventInfo{"worker-start-timeout", Warning, "A worker did not become ready in time.",
              What::WorkerStartTimeout},
    EventInfo{"worker-drain-timeout", Warning, "A worker did not finish in time.",
              What::WorkerDrainTimeout},
    EventInfo{"worker-forced-out", Warning, "A draining worker went because too many were left.",
              What::WorkerForcedOut},
    EventInfo{"worker-backoff", Info, "The next worker of a slot has to wait.",
              What::WorkerBackoff},
    EventInfo{"worker-lost", Notice, "A worker ended while there was no supervisor."},
    EventInfo{"unknown-worker", Warning, "A worker that nobody knows any more was told to finish."},
    EventInfo{"queue-relayed", Notice,
              "What waits for a program that is gone is passed on to its siblings."},
    EventInfo{"slot-leaving", Debug, "New connections are steered away from a slot.",
              What::SlotLeaving},
    EventInfo{"slot-lent", Info, "A sibling accepts what waits in a slot without a worker.",
              What::SlotLent},
    EventInfo{"slot-returned", Debug, "A slot has a worker of its own again."},
    EventInfo{"bind-watch-refused", Error,
              "What a program binds cannot be seen here, so it cannot be a worker."},
    EventInfo{"take-over-failed", Warning, "A sibling could not be asked to serve a slot."},

    EventInfo{"listener-moved", Notice, "A listener has another address than before."},
    EventInfo{"listener-renamed", Notice, "A listener has another name than before."},
    EventInfo{"socket-refused", Warning, "A kept socket does not belong to its listener."},
    EventInfo{"stray-descriptor-closed", Notice, "A kept descriptor belongs to nobody."},
    EventInfo{"steering-failed", Warning, "New connections could not be steered."},
    EventInfo{"quiet-watch-failed", Warning, "Handshakes under way could not be watched."},
    EventInfo{"balance-degraded", Notice, "A listener cannot be balanced as configured."},
    EventInfo{"balance-restored", Notice, "A listener is balanced as configured again."},
    EventInfo{"balance-begins-anew", Info, "The kept tables of a balance are of no use."},

    EventInfo{"watchdog-withheld", Error, "Too few workers serve: systemd is not pinged."},
    EventInfo{"watchdog-resumed", Notice, "Enough workers serve again."},
    EventInfo{"state-lost", Warning, "What the predecessor wrote down cannot be read."},
    EventInfo{"state-not-saved", Error, "What a successor must know cannot be written."},
    EventInfo{"fd-store-failed", Warning, "systemd could not be asked to keep a descriptor."},
    EventInfo{"statistics-begin-anew", Notice, "The kept counts of a pool are of no use."},
    EventInfo{"notify-failed", Warning, "systemd could not be told."},
    EventInfo{"admin-exited", Warning, "The admin process has ended."},
    EventInfo{"admin-start-failed", Error, "The admin process cannot be started."},
    EventInfo{"admin-stop-timeout", Warning, "The admin process did not end in time."},
    EventInfo{"admin-change-failed", Error, "The admin process cannot take a new configuration."},
    EventInfo{"admin-control-failed", Error, "The admin process cannot be talked to."},
    EventInfo{"control-connection-failed", Warning, "A client of the control socket was lost."},
};

}  // namespace

std::span<const EventInfo> events() {
  return kEvents;
}

const EventInfo* find_event(std::string_view name) {
  const auto* found = std::find_if(kEvents.begin(), kEvents.end(),
                                   [name](const EventInfo& event) { return event.name == name; });
  return found == kEvents.end() ? nullptr : found;
}

const EventInfo& event_of(fleet::What what) {
  const auto* found = std::find_if(kEvents.begin(), kEvents.end(),
                                   [what](const EventInfo& event) { return event.what == what; });
  SH_ASSERT(found != kEvents.end());
  return *found;
}

}  // namespace sockherd::supervisor
