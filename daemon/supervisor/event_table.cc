#include "daemon/supervisor/event_table.h"

#include <algorithm>
#include <array>

#include "daemon/base/assert.h"

namespace sockherd::supervisor {
namespace {

using enum log::Level;
using fleet::What;

constexpr std::array kEvents = {
    EventInfo{"starting", Info, "The supervisor has started.", "6d5ca199ee5243ac997b75d1a0e9302a"},
    EventInfo{"adopted", Info, "The supervisor has taken over the workers of its predecessor.",
              "4a1341f900604005b9fe62007b056798"},
    EventInfo{"ready", Info, "The first set of workers serves.",
              "7606691b74df4fca8427b7d9c0cfaeb3"},
    EventInfo{"start-failed", Error, "The first set of workers cannot be started.",
              "09d87ba9a1aa41dcaa21617965104f0d"},
    EventInfo{"handing-over", Info, "The supervisor exits; its workers keep serving.",
              "446ab6eb380845d98c8c033e101e6bf9"},
    EventInfo{"stopping", Info, "The service is about to stop.",
              "08c67249f9e343a7872d3dae777cd97d"},
    EventInfo{"stopping-now", Notice, "A second signal asked for an immediate stop.",
              "d81611c5055a475594cd02a23e3231a7"},
    EventInfo{"stopped", Info, "No worker is left.", "177722654cf14ca8af3697985367caef"},

    EventInfo{"change-asked", Info,
              "Somebody asked for a reload, a restart or another number of workers.",
              "fadca15d5fda4bacbf5862081c7b662e"},
    EventInfo{"change-refused", Notice, "A requested change cannot be made.",
              "7f9a0b3ae1104d64859210acdc0ea20c"},
    EventInfo{"configuration-broken", Error,
              "The file is invalid; the previous configuration stays in force.",
              "b8c90afc9c3a4759a2a0639361b71b3e"},
    EventInfo{"reloaded", Info, "A new configuration is in force.",
              "80a43c734bf84bb1b9b6e62a815b598d"},
    EventInfo{"reload-failed", Error, "A reload has failed and changed nothing.",
              "877692f01cb74b06a6f84e723dc6bbbc"},
    EventInfo{"restart-done", Info, "The workers to be restarted have been replaced.",
              "74853835eb4143988e2cefe99a093c4d"},
    EventInfo{"restart-failed", Info, "A restart has failed; the old workers keep serving.",
              "70ca4cc6fd3041b5bbd069e5b95d6946"},
    EventInfo{"pool-scaled", Info, "The number of workers of a pool was changed.",
              "dbc948863ac14458bf99866d107ea3ee", What::PoolScaled},
    EventInfo{"pool-waits", Info, "A pool waits for the pools behind its proxy routes.",
              "dbc7e62fb3764734aab5ccee6e106327", What::PoolWaits},
    EventInfo{"pool-serves-without", Warning,
              "A pool behind a proxy route is not ready; the front serves without it.",
              "4012836338cd4e1ab583445e5a28ca89", What::PoolServesWithout},
    EventInfo{"rollout-started", Info, "Workers are about to be replaced.",
              "1f23dcbd7abe4416b8800402bbdce801", What::RolloutStarted},
    EventInfo{"rolled-back", Warning, "A reload failed half-way and is being rolled back.",
              "bfc7231e74714ecfab4b5844cac454b7", What::RolledBack},
    EventInfo{"upgrade-started", Info, "Workers of a predecessor are about to be replaced.",
              "c2275ee3d0d641f7995d6c79f828de3d", What::UpgradeStarted},
    EventInfo{"upgrade-done", Info, "All workers have this version and configuration.",
              "ba4ec80642b04eaa8f70fe1f3ca4f445", What::UpgradeDone},
    EventInfo{"upgrade-failed", Error, "New workers do not start; the old ones keep serving.",
              "babd50e7bc654ebcbff4488b7ee3383b", What::UpgradeFailed},

    EventInfo{"worker-started", Debug, "A worker was started.", "4102aed932c24e42abfaec1b00991b9b"},
    EventInfo{"worker-adopted", Info, "A worker of a predecessor was taken over.",
              "1e3d9ea9b4f342879c873f1e5095de5a", What::WorkerAdopted},
    EventInfo{"worker-ready", Info, "A worker can serve.", "3bb9f4d842564b10afca781d507a9648",
              What::WorkerReady},
    EventInfo{"worker-draining", Debug, "A worker was told to finish.",
              "c68b55af22f7452f9a0061314e6af4c1"},
    EventInfo{"worker-exited", Info, "A worker has ended as requested.",
              "439d94c109b94ccb89066a8bbace8ecb", What::WorkerExited},
    EventInfo{"worker-crashed", Warning, "A worker has ended without having been told to.",
              "0ba737878ddd4751a498a3f5f6d4c268", What::WorkerCrashed},
    EventInfo{"worker-hung", Warning, "A worker makes no progress, and is ended.",
              "9267004e4b2f4015a67431d655a85ed9", What::WorkerHung},
    EventInfo{"worker-stalls", Notice, "A worker accepts nothing; new connections go to siblings.",
              "ef0137f6e51a4a0281098d1ff690444f", What::WorkerStalls},
    EventInfo{"worker-goes-on", Notice, "A worker that had stalled accepts again.",
              "31e8fcad864c4697974ea76c59c0611a", What::WorkerGoesOn},
    EventInfo{"worker-worn", Info, "A worker is old enough to be replaced.",
              "2e62576df2074dab9bbca5ab2971f537", What::WorkerWorn},
    EventInfo{"worker-start-timeout", Warning, "A worker did not become ready in time.",
              "d6e9b5201d904c14abd87c7bf4be3b80", What::WorkerStartTimeout},
    EventInfo{"worker-drain-timeout", Warning, "A worker did not finish in time.",
              "bb90d06b25994a8a85dcb94543c594ed", What::WorkerDrainTimeout},
    EventInfo{"worker-forced-out", Warning, "A draining worker was ended: too many generations.",
              "34ad2b4be0224df28e0e917f7372be79", What::WorkerForcedOut},
    EventInfo{"worker-backoff", Info, "The next worker of a slot has to wait.",
              "620eb4405c90495ea7af7bb8d6e522e5", What::WorkerBackoff},
    EventInfo{"worker-lost", Notice, "A worker ended while there was no supervisor.",
              "54fe8b8b87864d7a81d52e3c6688e5ff"},
    EventInfo{"unknown-worker", Warning, "An unknown worker of a predecessor was told to finish.",
              "3f6d7a1dd8c1432aa16bdb8a19da8928"},
    EventInfo{"notification-refused", Warning,
              "An unauthorised process wrote to the NOTIFY_SOCKET of a worker.",
              "9e6e1f93b2a54385a7a030dc740745f6"},
    EventInfo{"queue-relayed", Notice,
              "Connections queued for a program that is gone are passed on.",
              "514c35f417354d89a51a5d4025085ed1"},
    EventInfo{"slot-leaving", Debug, "New connections are steered away from a slot.",
              "d934c66184264bb5bb52bc62316e9d3f", What::SlotLeaving},
    EventInfo{"slot-lent", Info, "A sibling accepts what waits in a slot without a worker.",
              "03b51ea155c64fa7830ad9ca381aa9b2", What::SlotLent},
    EventInfo{"slot-returned", Debug, "A slot has a worker of its own again.",
              "547c91abe6af4576b5612005409908ee"},
    EventInfo{"bind-watch-refused", Error,
              "The binds of a program cannot be watched, so it cannot be a worker.",
              "be575b7a74fe463ea8e404c5c6386ece"},
    EventInfo{"take-over-failed", Warning, "A sibling could not be told to serve a slot.",
              "c0a3e7a352244a2ba1a1d1eee98e3f04"},

    EventInfo{"listener-moved", Notice, "A listener has a new address.",
              "4caae911e1f74e31af54f19241cfde0d"},
    EventInfo{"listener-renamed", Notice, "A listener has a new name.",
              "5f748c24d0f44bc5a923258d60a82824"},
    EventInfo{"socket-refused", Warning, "A kept socket does not belong to its listener.",
              "798979f0d37f44c3adde8cd42d618733"},
    EventInfo{"stray-descriptor-closed", Notice, "A kept descriptor is not used by anything.",
              "18e42a7b59354a2baa7eda212ec8e241"},
    EventInfo{"steering-failed", Warning, "New connections could not be steered.",
              "e57def7c910e4edda339ce14df4760be"},
    EventInfo{"quiet-watch-failed", Warning, "Handshakes under way could not be watched.",
              "5872e188c07e4c50b0b0137c2a4d7b77"},
    EventInfo{"balance-degraded", Notice, "A listener cannot be balanced as configured.",
              "57d94726531b42978e4e55ca643afaca"},
    EventInfo{"balance-restored", Notice, "A listener is balanced as configured again.",
              "bded95fa82cc4807a351aa64cc9a40e6"},
    EventInfo{"balance-begins-anew", Info, "The kept tables of a balance cannot be used.",
              "305ac1931a7e4eafbe36ae5879db2665"},

    EventInfo{"watchdog-withheld", Error, "Too few workers serve: systemd is not pinged.",
              "b15d8a4094b843df9d201f46aeec4836"},
    EventInfo{"watchdog-resumed", Notice, "Enough workers serve again.",
              "e023711aa4794800b54793c51f7d2887"},
    EventInfo{"state-lost", Warning, "The state of the predecessor cannot be read.",
              "b0d73d04238f42fc9533b9f8722251cd"},
    EventInfo{"state-not-saved", Error, "The state for the next supervisor cannot be written.",
              "8be17a3c1d2a4e0196139dd09863b057"},
    EventInfo{"fd-store-failed", Warning, "systemd could not be asked to keep a descriptor.",
              "1c8813640dc84179864fb58fe95f13e8"},
    EventInfo{"statistics-begin-anew", Notice, "The kept counters of a pool cannot be used.",
              "6be7130ad50843b7936151457e101cea"},
    EventInfo{"notify-failed", Warning, "A message could not be sent to systemd.",
              "c7cfbbf2344b404493a129d8ad1019fd"},
    EventInfo{"admin-exited", Warning, "The admin process has ended.",
              "cb9c8652a1a54b158420af0a735acc64"},
    EventInfo{"admin-start-failed", Error, "The admin process cannot be started.",
              "3270232329d742e78c5594c032878c01"},
    EventInfo{"admin-stop-timeout", Warning, "The admin process did not end in time.",
              "7c6b134e26124bb6bfb8d4032d92442e"},
    EventInfo{"admin-change-failed", Error, "The admin process cannot apply a new configuration.",
              "5fc4d3fd7ffe4d0492bea707169e2b42"},
    EventInfo{"admin-control-failed", Error, "The admin process cannot be reached.",
              "b3f25dd131e24b4595caab904f8b0b19"},
    EventInfo{"bus-joined", Info, "The service is on the system bus.",
              "5a0f1d8c2b9e4c07a6f3d41e7b82c965"},
    EventInfo{"bus-unavailable", Notice, "The service is not on the system bus; it will try again.",
              "c7d2e94b61f84a3d9b05e8a7f13c2d60"},
    EventInfo{"control-connection-failed", Warning, "A client of the control socket was lost.",
              "25b4a24d3af64071a1ca99c25d90315e"},
    EventInfo{"control-connection-refused", Warning, "The control socket has too many clients.",
              "e6cb17770d414e0d971851b324c77158"},
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
