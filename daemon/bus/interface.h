// The control interface, io.sockherd.Sockherd1: names that both sides use. The one control
// protocol: served by the supervisor on a private socket (peer to peer D-Bus), spoken by admin and
// sockherdctl, and on the system bus where there is one.
//
// Method                          In    Out    Says
// GetStatus                       -     a{sv}  the daemon: see keys below
// ListPools                       -     aa{sv} every pool
// ListWorkers(pool)               s     aa{sv} the workers of a pool; "" = of all
// ListListeners                   -     aa{sv} every listening socket, with its accept queue
// ListUpstreams                   -     aa{sv} who stands behind the proxy routes, by slot
// ListEvents(since, limit)        tu    aa{sv}a{sv}  at most `limit` events from number `since` on
//                                              (0 = the last ones), and where they stand
// CountEvents                     -     a{sv}  how often each event has happened (t), by name
// SetWorkers(pool, count, by)     sus   u      scales; answers the count that was wanted before
// Reload(by)                      s     a{sv}  reads the configuration anew; answers when done
// Restart(pool, slot, by)         sis   a{sv}  replaces the workers of a pool one by one, or of one
//                                              slot (-1 = all); answers when done
// OpenStatistics(pool)            s     h      the pool's statistics segment, read-only
//
// `by` says for whom the caller asks, for the log: "127.0.0.1:4711", "root".
//
// Keys of GetStatus: version s, pid x, state s (starting, running, reloading, stopping), ready b,
//   generation t, uptime_seconds d, start_time_seconds d (Unix time), config_file s,
//   reloads t, reload_failures t, last_reload_ok b, last_reload_time_seconds d (Unix time of the
//   last success, 0 = none), last_reload_seconds d, last_reload_reasons as, log_warnings t,
//   log_errors t, admin_restarts t, supervisor_starts t, worker_adoptions t, fd_store_failures t,
//   state_save_failures t, watchdog_withheld b, lame_duck b, rollout s ("", reload, restart,
//   upgrade, roll-back), adopted t, hung t, leaving t (workers), lent t (slots)
// Keys of ListPools: name s, desired t, max t, ready t, starting t, draining t, backoff t,
//   generation t, slots t (ever used), starts t, listeners as, command as (empty = built-in),
//   exits_requested t, exits_exit t, exits_signal t, exits_start_timeout t, exits_drain_timeout t,
//   exits_start_failed t, exits_hang t, exits_forced_out t, relayed t (connections that
//   waited for a program that was gone, passed on to its siblings), adopted t, hung t, leaving t
//   (workers that are so, in whatever state), lent t (slots), old_generations t (with living
//   workers)
// Keys of ListWorkers: pool s, slot t, generation t, pid x, state s (starting, ready, draining,
//   backoff), uptime_seconds d, restarts t (of this slot), status s (the worker's STATUS=),
//   retry_seconds d (backoff only), last_exit s ("" = none; "signal SEGV", "exit 3"), lent_to t
//   (backoff only: the slot whose worker accepts here meanwhile), adopted b (a supervisor before
//   this one has started it), hung b, leaving b (steered away from), worn b, serves_also as (the
//   slots of siblings)
// Keys of ListListeners: name s, address s, slot t, adopted b, served b, parked b (nobody serves
//   the listener any more), accept_queue t, accept_queue_limit t; of TCP ones: balance s (as
//   configured), balance_in_force s (what the kernel does; "" = nobody serves it yet),
//   balance_reason s (why that is not the same; "" = it is)
// Keys of ListUpstreams: upstream s (the pool, or a name made of the addresses), slot t (of a pool;
//   else which of the addresses), in_flight t, requests t, failed t, ejections t, ejected t
//   (workers that are not asked at the moment), waiting t (in all queues for this upstream)
// Keys of ListEvents: sequence t, time_us t (Unix time), event s, level s (error, warning, notice,
//   info, debug), pool s, slot t, generation t, pid x, detail s; what an event has nothing to say
//   of is left out. Behind them: first t (the oldest number that can be had), next t (what to ask
//   for next), lost t (how many of the asked for are gone)
// Keys of the answer to Reload and Restart: ok b, seconds d, reasons as, failure s ("" = none, or
//   one of kFailed... below)
//
// Dictionaries only grow: a reader takes the keys it knows. Errors are named below.
#pragma once

namespace sockherd::bus {

inline constexpr char kInterface[] = "io.sockherd.Sockherd1";
inline constexpr char kName[] = "io.sockherd.Sockherd1";  // on the system bus
inline constexpr char kObject[] = "/io/sockherd/Sockherd1";

// On the system bus, below kObject; GetManagedObjects lists them (bus_objects.h has the
// properties).
inline constexpr char kPoolInterface[] = "io.sockherd.Sockherd1.Pool";
inline constexpr char kPoolObjects[] = "/io/sockherd/Sockherd1/pool";
inline constexpr char kWorkerInterface[] = "io.sockherd.Sockherd1.Worker";
inline constexpr char kWorkerObjects[] = "/io/sockherd/Sockherd1/worker";

inline constexpr char kErrorNoSuchPool[] = "io.sockherd.Error.NoSuchPool";
inline constexpr char kErrorNoSuchSlot[] = "io.sockherd.Error.NoSuchSlot";
inline constexpr char kErrorOutOfRange[] = "io.sockherd.Error.OutOfRange";
inline constexpr char kErrorBusy[] =
    "io.sockherd.Error.Busy";  // another reload or restart is running
inline constexpr char kErrorStopping[] = "io.sockherd.Error.Stopping";
inline constexpr char kErrorUnavailable[] = "io.sockherd.Error.Unavailable";  // the kernel said no

// Why a reload or restart has failed.
inline constexpr char kFailedConfiguration[] = "configuration";  // it is not valid
inline constexpr char kFailedResources[] = "resources";  // what it needs cannot be had, as a port
inline constexpr char kFailedWorkers[] = "workers";      // the new ones did not become ready
inline constexpr char kFailedStopping[] = "stopping";

// The actions of polkit (packaging/polkit) that callers on the system bus are asked about.
inline constexpr char kActionReload[] = "io.sockherd.Sockherd1.reload";
inline constexpr char kActionRestart[] = "io.sockherd.Sockherd1.restart";
inline constexpr char kActionScale[] = "io.sockherd.Sockherd1.scale";

// What the supervisor hands to sockherd-admin beside its listening sockets, by FDNAME: one end of a
// socketpair that carries this protocol.
inline constexpr char kControlFdName[] = "sockherd.control";

}  // namespace sockherd::bus
