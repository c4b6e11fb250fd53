// Config: one validated configuration, as plain data. One Config is one generation.
//
// Every member that a user can set is a row of the option table in options.h, which holds its name,
// type, unit, default, bounds and help; nothing here has a default of its own. How text becomes a
// Config is load.h. Pure: no descriptors, no files, no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sockherd::config {

using Milliseconds = std::chrono::milliseconds;

// [listener.NAME]: a named address, adopted from systemd by that name or bound where it passed
// none.
struct Listener {
  std::string name;
  std::string address;  // "[::]:8080", "127.0.0.1:80", "unix:/run/x.sock"; "" = only from systemd
  int64_t backlog = 0;  // pending connections; the kernel clamps it to net.core.somaxconn
  int64_t mode = 0;     // access bits of a Unix socket that we bind, 0660 = 432
  std::string balance;  // least-connections, hash, cpu: who gets a new TCP connection
};

// One entry of a table that users fill: a field of answers, or the page of a status.
struct NamedText {
  std::string name;
  std::string value;
};

// One entry of `routes`: what answers the paths that start with `path`. Exactly one of the targets
// is set. The longest matching path wins; "/static/" matches whole segments only.
struct Route {
  std::string path;
  std::string files;                 // directory to serve, absolute
  std::vector<std::string> index;    // files that stand for a directory, the first that is there
  bool precompressed = false;        // look for NAME.br and NAME.gz
  bool gzip = false;                 // compress what clients accept so
  std::string fallback;              // path below `path` for what is not there; "" = 404
  std::string module;                // "demo", or the path of a shared object
  std::string websocket;             // what a WebSocket gets to hear: "echo", "room:NAME"
  std::vector<std::string> origins;  // of pages that may open one; none = its own host's
  std::vector<std::string> proxy;    // who answers: "pool:NAME", or addresses
  std::string forwarded;             // replace, append, off: the fields that tell who the client is
  std::string upstream_host;         // the Host that is sent on; "" = the client's
  std::string redirect;              // where the rest of the path goes, "https://example.org/new"
  int64_t status = 0;                // of the redirect
  std::vector<NamedText> headers;    // beside those of the pool, which they replace
  std::vector<NamedText> error_pages;
};

// What a built-in worker allows a client, all on by default, all counted.
struct Limits {
  int64_t max_connections = 0;  // per worker; 0 = from the descriptor limit
  int64_t max_header_size = 0;  // bytes of request line and header fields
  int64_t max_target_size = 0;  // bytes of the request target
  int64_t max_header_fields = 0;
  int64_t max_body_size = 0;            // bytes
  Milliseconds header_timeout{0};       // from the first byte of a request to the end of its head
  Milliseconds body_timeout{0};         // without progress in a request body
  Milliseconds write_timeout{0};        // without progress in a response
  Milliseconds keepalive_timeout{0};    // idle between requests
  int64_t min_body_rate = 0;            // bytes a second of a request body; 0 = any
  int64_t min_read_rate = 0;            // bytes a second that a client reads; 0 = any
  Milliseconds rate_grace{0};           // before these two count
  int64_t max_connection_requests = 0;  // 0 = any number
  Milliseconds drain_idle{0};           // idle for so long: a drain may close it
  Milliseconds drain_spread{0};         // ... and closes them over this window
  int64_t max_message_size = 0;         // bytes of a message on a WebSocket
  bool websocket_deflate = false;       // messages may be compressed
  int64_t websocket_buffer = 0;         // bytes that wait for the client of a WebSocket
  std::string websocket_slow;           // wait, drop, close: what if it does not take them
  Milliseconds websocket_ping{0};       // silent for so long: is pinged; 0 = never
  Milliseconds websocket_timeout{0};    // and must say something within
  Milliseconds websocket_close_timeout{0};  // for the close handshake
  Milliseconds websocket_drain{0};          // a drain closes WebSockets over this window
};

// [pool.NAME]: interchangeable workers of one program, serving one or more listeners.
struct Pool {
  std::string name;
  std::vector<std::string> listeners;
  bool workers_auto = false;         // one per CPU this service may use; resolved by the supervisor
  int64_t workers = 0;               // when not automatic
  int64_t max_workers = 0;           // ceiling for scaling at run time
  bool threads_auto = false;         // as workers_auto
  int64_t threads = 0;               // of a worker, when not automatic; built-in engine only
  std::string pin;                   // off, auto: a CPU for each thread
  std::vector<std::string> command;  // empty = the built-in engine
  std::vector<std::string> environment;  // "NAME=value", for command pools and built-in ones alike
  std::vector<Route> routes;             // built-in engine only
  std::vector<NamedText> headers;        // fields of every answer
  std::vector<NamedText> error_pages;    // "404" or "5xx" to a file
  Milliseconds start_timeout{0};         // from exec to READY=1
  Milliseconds drain_timeout{0};         // from SIGTERM to SIGKILL
  Milliseconds restart_delay{0};         // after the second crash in a row; doubles
  Milliseconds restart_delay_max{0};
  Milliseconds stable_after{0};   // alive and ready for this long: the crash count starts anew
  int64_t batch = 0;              // workers replaced together; 0 = all at a reload, 1 at a restart
  int64_t max_surge = 0;          // new workers beside the old ones during a rollout
  int64_t max_unavailable = 0;    // old workers that end before their successor starts
  Milliseconds ready_for{0};      // a new worker counts once it has been ready for so long
  int64_t max_failures = 0;       // of new workers, that end a reload
  int64_t max_generations = 0;    // alive at a time
  Milliseconds max_age{0};        // of a worker; 0 = no limit
  int64_t max_requests = 0;       // of a worker, where they are counted; 0 = no limit
  Milliseconds file_cache{0};     // how old what is known of a file may be; 0 = nothing is kept
  int64_t file_cache_size = 0;    // bytes per worker
  Milliseconds hang_timeout{0};   // without progress, then SIGABRT; 0 = never
  std::string access_log;         // "" = off, "stdout", "journal", or a path. Built-in only
  std::string access_log_format;  // combined, json
  int64_t access_log_buffer = 0;  // bytes of records that a loop may be ahead of the disk
  std::string bus;                // see bus_url.h; "" = this machine only. Built-in only
  int64_t bus_queue = 0;          // messages that wait for it
  int64_t bus_buffer = 0;         // bytes of what a thread may say before all others have read it
  std::string engine;             // auto, epoll, io_uring: the loop of a built-in worker
  int64_t spin = 0;  // microseconds that the loop of a built-in worker looks before it sleeps

  // Of a command (command_options.cc).
  std::string handover;               // listen-fds, reuse-port, private-port
  std::vector<std::string> dialects;  // server-starter, einhorn
  std::string user;                   // "" = our own
  std::string group;
  std::string working_directory;
  int64_t umask = 0;
  int64_t nofile = 0;            // soft limit; 0 = what the service was started with
  int64_t memory_max = 0;        // bytes; 0 = no limit
  int64_t cpu_weight = 0;        // 0 = the kernel's own
  std::string output;            // lines, inherit, discard
  std::string stop_signal;       // "SIGTERM"
  std::string abort_signal;      // "SIGABRT"
  std::vector<NamedText> ready;  // at most one of: notify, http, connect, alive
  int64_t max_memory = 0;        // bytes; then it is replaced; 0 = any
  Milliseconds adopt_after{0};   // a queue without a worker goes to siblings; 0 = never

  // Of the proxy in front of a pool, or in front of the addresses that a route of this pool names.
  int64_t max_in_flight = 0;         // requests of each worker; 0 = any
  Milliseconds connect_timeout{0};   // to a worker
  Milliseconds tunnel_timeout{0};    // silence in both directions
  int64_t upstream_connections = 0;  // idle ones, of a thread to a worker
  Milliseconds upstream_idle{0};     // how long they are kept
  int64_t eject_failures = 0;        // in a row; 0 = never
  Milliseconds eject_time{0};        // doubles
  std::string probe;                 // path; "" = a connection
  Milliseconds probe_interval{0};    // 0 = never
  Milliseconds slow_start{0};

  int64_t blocking_threads = 0;     // of a built-in worker, for handlers that may wait
  int64_t queue_depth = 0;          // requests that may wait for one of these
  Milliseconds queue_timeout{0};    // and for how long
  Milliseconds request_timeout{0};  // of a blocking handler, then 504
  Limits limits;
};

// [admin]: the admin HTTP server.
struct Admin {
  bool enabled = true;
  std::vector<std::string> address;  // "unix:/run/sockherd/admin.sock", "127.0.0.1:9753"
  std::vector<std::string> hosts;    // further Host values to accept on TCP, beside the addresses
  std::string user;                  // who the admin process runs as when the supervisor is root
};

// [daemon]: the supervisor itself.
struct Daemon {
  std::string runtime_directory;  // "" = as the environment says (bus/control_path.h)
  std::string log_level;          // error, warning, notice, info, debug
  Milliseconds lame_duck{0};      // /readyz says 503 for so long before a stop begins
  int64_t watchdog_share = 0;     // percent of the wanted workers that must make progress
  bool system_bus = false;
};

struct Config {
  Daemon daemon;
  std::vector<Listener> listeners;  // in the order of the file
  std::vector<Pool> pools;
  Admin admin;

  const Listener* find_listener(std::string_view name) const;
  const Pool* find_pool(std::string_view name) const;
};

}  // namespace sockherd::config
