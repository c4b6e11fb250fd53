#include "daemon/config/options.h"

#include <cstdio>

#include "daemon/config/bus_url.h"
#include "daemon/config/units.h"

namespace sockherd::config {
namespace {

template <typename Struct, typename Member>
Struct struct_of(Member Struct::*);

// Binds a row to its member: at<&Pool::start_timeout>.
template <auto kMember>
Field at(const Object& object) {
  using Struct = decltype(struct_of(kMember));
  return &((*std::get_if<Struct*>(&object))->*kMember);
}

template <auto kMember>
Field limit(const Object& object) {
  return &((*std::get_if<Pool*>(&object))->limits.*kMember);
}

constexpr int64_t kSecond = 1000;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;
constexpr int64_t kGiB = 1024 * kMiB;
constexpr int64_t kMostWorkers = 1024;
constexpr int64_t kMostThreads = 64;

constexpr SectionInfo kSections[] = {
    {Section::Daemon, "daemon", "[daemon]", "The supervisor itself."},
    {Section::Listener, "listener", "[listener.NAME]",
     "A named address, taken over from systemd by that name (FileDescriptorName=) or bound by "
     "sockherd."},
    {Section::Pool, "pool", "[pool.NAME]",
     "Interchangeable workers of one program that serve one or more listeners."},
    {Section::Route, "routes", "routes = [{ ... }]",
     "What the built-in engine answers for the paths under one prefix; the longest prefix wins."},
    {Section::Admin, "admin", "[admin]", "The admin HTTP server: metrics, dashboard and control."},
};

constexpr Option kOptions[] = {
    // --- [daemon] ---
    {.section = Section::Daemon,
     .name = "runtime_directory",
     .type = Type::Path,
     .fallback = "\"\"",
     .help = "Where the control socket and the state of this run live; empty stands for "
             "$RUNTIME_DIRECTORY, or /run/sockherd without it.",
     .field = at<&Daemon::runtime_directory>},
    {.section = Section::Daemon,
     .name = "log_level",
     .type = Type::Choice,
     .fallback = "\"info\"",
     .choices = "error, warning, notice, info, debug",
     .help = "The least important lines that are still logged.",
     .field = at<&Daemon::log_level>},
    {.section = Section::Daemon,
     .name = "lame_duck",
     .type = Type::Duration,
     .fallback = "\"0s\"",
     .min = 0,
     .max = kHour,
     .help = "How long /readyz says 503 before a stop begins, so that load balancers go elsewhere "
             "first.",
     .field = at<&Daemon::lame_duck>},
    {.section = Section::Daemon,
     .name = "watchdog_share",
     .type = Type::Integer,
     .fallback = "50",
     .min = 0,
     .max = 100,
     .unit = "percent",
     .help = "The share of the wanted workers that must make progress for sockherd to tell systemd "
             "that it is alive (WatchdogSec=).",
     .field = at<&Daemon::watchdog_share>},

    // --- [listener.NAME] ---
    {.section = Section::Listener,
     .name = "address",
     .type = Type::Address,
     .fallback = "\"\"",
     .help = "The address to bind where systemd passes no socket of this name: "
             "\"127.0.0.1:80\", \"[::]:8080\" or \"unix:/run/web.sock\"; empty stands for a socket "
             "from systemd only.",
     .sample = "\"[::]:8080\"",
     .field = at<&Listener::address>},
    {.section = Section::Listener,
     .name = "backlog",
     .type = Type::Integer,
     .fallback = "4096",
     .min = 1,
     .max = 65535,
     .unit = "connections",
     .help = "How many connections may wait in each socket's queue; the kernel lowers it to "
             "net.core.somaxconn.",
     .field = at<&Listener::backlog>},
    {.section = Section::Listener,
     .name = "mode",
     .type = Type::AccessMode,
     .fallback = "\"0660\"",
     .min = 0,
     .max = 0777,
     .help = "Access bits of a Unix socket that sockherd binds.",
     .field = at<&Listener::mode>},
    {.section = Section::Listener,
     .name = "balance",
     .type = Type::Choice,
     .fallback = "\"least-connections\"",
     .choices = "least-connections, hash, cpu",
     .help = "Which worker gets a new TCP connection: the one with the fewest connections (with "
             "CAP_BPF; otherwise as hash), one chosen by a hash of the addresses, or that of the "
             "CPU which received it.",
     .field = at<&Listener::balance>},

    // --- [pool.NAME] ---
    {.section = Section::Pool,
     .name = "listeners",
     .type = Type::TextList,
     .fallback = "[]",
     .help = "The names of the listeners that this pool serves; a listener has one pool.",
     .sample = "[\"web\"]",
     .field = at<&Pool::listeners>},
    {.section = Section::Pool,
     .name = "workers",
     .type = Type::Workers,
     .fallback = "\"auto\"",
     .min = 1,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "How many workers to keep; \"auto\" is one for each CPU that the service may use, or "
             "for each `threads` of them.",
     .field = at<&Pool::workers>},
    {.section = Section::Pool,
     .name = "max_workers",
     .type = Type::Integer,
     .fallback = "256",
     .min = 1,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "The most workers that the pool can be scaled to at run time.",
     .field = at<&Pool::max_workers>},
    {.section = Section::Pool,
     .name = "threads",
     .type = Type::Workers,
     .fallback = "1",
     .min = 1,
     .max = kMostThreads,
     .unit = "threads",
     .help =
         "How many threads a worker of the built-in engine has, each with its own event loop and "
         "its own sockets; \"auto\" is one for each CPU that the service may use.",
     .field = at<&Pool::threads>},
    {.section = Section::Pool,
     .name = "pin",
     .type = Type::Choice,
     .fallback = "\"off\"",
     .choices = "off, auto",
     .help =
         "Whether each thread of the built-in engine stays on one CPU of those that the service "
         "may use, in turn by slot and thread.",
     .field = at<&Pool::pin>},
    {.section = Section::Pool,
     .name = "command",
     .type = Type::TextList,
     .fallback = "[]",
     .help =
         "The program that each worker runs, with its arguments: it accepts on file descriptor 3 "
         "(LISTEN_FDS); without it the built-in engine serves the routes.",
     .field = at<&Pool::command>},
    {.section = Section::Pool,
     .name = "environment",
     .type = Type::Environment,
     .fallback = "[]",
     .help = "Further environment variables of the workers, each \"NAME=value\".",
     .field = at<&Pool::environment>},
    {.section = Section::Pool,
     .name = "routes",
     .type = Type::Routes,
     .fallback = "[]",
     .help = "What the built-in engine answers: a list of tables, each with a path and one "
             "target.",
     .sample = "[\n  { path = \"/\", module = \"demo\" },\n]",
     .field = at<&Pool::routes>},
    {.section = Section::Pool,
     .name = "headers",
     .type = Type::Headers,
     .fallback = "{}",
     .help = "Fields that are added to every answer, errors included.",
     .field = at<&Pool::headers>},
    {.section = Section::Pool,
     .name = "error_pages",
     .type = Type::ErrorPages,
     .fallback = "{}",
     .help = "Files that are sent in place of our own words for an error: \"404\" for one status, "
             "\"4xx\" and \"5xx\" for all others; read when the workers start, up to 64KiB each.",
     .field = at<&Pool::error_pages>},
    {.section = Section::Pool,
     .name = "start_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a new worker may take to say that it is ready before it is ended.",
     .field = at<&Pool::start_timeout>},
    {.section = Section::Pool,
     .name = "drain_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a worker that shall end may go on with its open connections before it is "
             "killed.",
     .field = at<&Pool::drain_timeout>},
    {.section = Section::Pool,
     .name = "restart_delay",
     .type = Type::Duration,
     .fallback = "\"100ms\"",
     .min = 1,
     .max = kHour,
     .help = "How long to wait before a worker that crashed again is started again; the first "
             "crash after a stable life costs no wait, each further one doubles it.",
     .field = at<&Pool::restart_delay>},
    {.section = Section::Pool,
     .name = "restart_delay_max",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "The longest wait before a crashed worker is started again.",
     .field = at<&Pool::restart_delay_max>},
    {.section = Section::Pool,
     .name = "stable_after",
     .type = Type::Duration,
     .fallback = "\"10s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a worker must have been ready for its earlier crashes to be forgotten.",
     .field = at<&Pool::stable_after>},
    {.section = Section::Pool,
     .name = "hang_timeout",
     .type = Type::Duration,
     .fallback = "\"10s\"",
     .min = 0,
     .max = kHour,
     .help = "How long a built-in worker may make no progress (its loop stands still, or "
             "connections wait and none is accepted) before it is ended with SIGABRT and its slot "
             "is taken over; 0s switches it off.",
     .field = at<&Pool::hang_timeout>},
    {.section = Section::Pool,
     .name = "engine",
     .type = Type::Choice,
     .fallback = "\"auto\"",
     .choices = "auto, epoll, io_uring",
     .help =
         "What the loop of a built-in worker stands on: epoll, io_uring where the kernel allows "
         "it (Linux 6.1), or what was measured to be faster.",
     .field = at<&Pool::engine>},
    {.section = Section::Pool,
     .name = "spin",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = 1000,
     .unit = "microseconds",
     .help =
         "How long the loop of a built-in worker looks for new work before it sleeps, while the "
         "waits of late were shorter than that; 0 stands for never.",
     .field = at<&Pool::spin>},
    {.section = Section::Pool,
     .name = "blocking_threads",
     .type = Type::Integer,
     .fallback = "8",
     .min = 1,
     .max = 1024,
     .unit = "threads",
     .help =
         "How many threads a built-in worker has for those handlers of application modules that "
         "may wait; they are started when they are needed.",
     .field = at<&Pool::blocking_threads>},
    {.section = Section::Pool,
     .name = "queue_depth",
     .type = Type::Integer,
     .fallback = "1024",
     .min = 1,
     .max = 1'000'000,
     .unit = "requests",
     .help = "How many requests of a worker may wait for one of its blocking_threads; further ones "
             "are answered 503 at once.",
     .field = at<&Pool::queue_depth>},
    {.section = Section::Pool,
     .name = "queue_timeout",
     .type = Type::Duration,
     .fallback = "\"5s\"",
     .min = 1,
     .max = kHour,
     .help = "How long a request may wait for one of the blocking_threads before it is answered "
             "503.",
     .field = at<&Pool::queue_timeout>},
    {.section = Section::Pool,
     .name = "request_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kDay,
     .help = "How long a blocking handler may take before its request is answered 504; it runs on, "
             "and its answer is dropped.",
     .field = at<&Pool::request_timeout>},
    {.section = Section::Pool,
     .name = "batch",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "How many workers a reload or restart replaces together, all or none; 0 stands for "
             "all at a reload and one at a restart.",
     .field = at<&Pool::batch>},
    {.section = Section::Pool,
     .name = "max_surge",
     .type = Type::Integer,
     .fallback = "1024",
     .min = 0,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "How many workers a reload or restart may start beside the old ones.",
     .field = at<&Pool::max_surge>},
    {.section = Section::Pool,
     .name = "max_unavailable",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = kMostWorkers,
     .unit = "workers",
     .help =
         "How many old workers a reload or restart may end before their successor starts, where "
         "max_surge leaves no room beside them; what comes to them waits or goes to others.",
     .field = at<&Pool::max_unavailable>},
    {.section = Section::Pool,
     .name = "ready_for",
     .type = Type::Duration,
     .fallback = "\"0s\"",
     .min = 0,
     .max = kHour,
     .help = "How long a new worker must have been ready before a reload or restart counts it as "
             "good and ends the old one.",
     .field = at<&Pool::ready_for>},
    {.section = Section::Pool,
     .name = "max_failures",
     .type = Type::Integer,
     .fallback = "1",
     .min = 1,
     .max = kMostWorkers,
     .unit = "workers",
     .help = "After so many failed new workers a reload stops and brings the old configuration "
             "back.",
     .field = at<&Pool::max_failures>},
    {.section = Section::Pool,
     .name = "max_generations",
     .type = Type::Integer,
     .fallback = "32",
     .min = 2,
     .max = 1000,
     .unit = "generations",
     .help = "How many generations of workers may live at a time; clients that keep more of them "
             "busy lose the oldest one.",
     .field = at<&Pool::max_generations>},
    {.section = Section::Pool,
     .name = "max_age",
     .type = Type::Duration,
     .fallback = "\"0s\"",
     .min = 0,
     .max = 365 * kDay,
     .help =
         "A worker is replaced after this long, up to a fifth earlier, one at a time; 0s stands "
         "for never.",
     .field = at<&Pool::max_age>},
    {.section = Section::Pool,
     .name = "max_requests",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = 1'000'000'000'000,
     .unit = "requests",
     .help = "A worker of the built-in engine is replaced after so many requests, up to a fifth "
             "earlier, one at a time; 0 stands for never.",
     .field = at<&Pool::max_requests>},
    {.section = Section::Pool,
     .name = "file_cache",
     .type = Type::Duration,
     .fallback = "\"1s\"",
     .min = 0,
     .max = kHour,
     .help = "How long a worker answers from what it knows of a file before it looks at it again; "
             "0s has it look for each request.",
     .field = at<&Pool::file_cache>},
    {.section = Section::Pool,
     .name = "file_cache_size",
     .type = Type::Size,
     .fallback = "\"8MiB\"",
     .min = 0,
     .max = 1024 * kGiB,
     .help = "How much memory each thread of a worker may fill with the contents of short files "
             "(up to 16KiB each).",
     .field = at<&Pool::file_cache_size>},
    {.section = Section::Pool,
     .name = "access_log",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "Where built-in workers log what they answer: the path of a file, \"stdout\" or "
             "\"journal\"; empty switches it off.",
     .field = at<&Pool::access_log>},
    {.section = Section::Pool,
     .name = "access_log_format",
     .type = Type::Choice,
     .fallback = "\"combined\"",
     .choices = "combined, json",
     .help = "The lines of the access log: as other web servers write them, or one JSON object "
             "each.",
     .field = at<&Pool::access_log_format>},
    {.section = Section::Pool,
     .name = "access_log_buffer",
     .type = Type::Size,
     .fallback = "\"1MiB\"",
     .min = 64 * kKiB,
     .max = 256 * kMiB,
     .help = "What a worker may be ahead of the disk or reader of its access log; lines beyond "
             "that are dropped and counted.",
     .field = at<&Pool::access_log_buffer>},
    {.section = Section::Pool,
     .name = "bus",
     .type = Type::BusUrl,
     .fallback = "\"\"",
     .help = "The Redis that carries rooms to other machines, as "
             "\"redis://[USER:PASSWORD@]ADDRESS[:PORT][/DATABASE]\"; empty stands for none: rooms "
             "reach all workers of this machine.",
     .field = at<&Pool::bus>},
    {.section = Section::Pool,
     .name = "bus_queue",
     .type = Type::Integer,
     .fallback = "10000",
     .min = 1,
     .max = 1'000'000,
     .unit = "messages",
     .help = "What waits for Redis while it is away or slow; further messages stay on this machine "
             "and are counted.",
     .field = at<&Pool::bus_queue>},
    {.section = Section::Pool,
     .name = "bus_buffer",
     .type = Type::Size,
     .fallback = "\"1MiB\"",
     .min = 64 * kKiB,
     .max = 64 * kMiB,
     .help = "What a worker may say in rooms before the other workers have read it; whoever is "
             "slower than that misses the oldest, which is counted.",
     .field = at<&Pool::bus_buffer>},
    {.section = Section::Pool,
     .name = "max_connections",
     .type = Type::Integer,
     .fallback = "0",
     .min = 0,
     .max = 16'777'216,
     .unit = "connections",
     .help = "Connections that a built-in worker holds at once, further ones are answered 503; 0 "
             "stands for what the limit of file descriptors allows.",
     .field = limit<&Limits::max_connections>},
    {.section = Section::Pool,
     .name = "max_header_size",
     .type = Type::Size,
     .fallback = "\"16KiB\"",
     .min = kKiB,
     .max = kMiB,
     .help = "The longest request line and header fields together; longer ones are answered 431.",
     .field = limit<&Limits::max_header_size>},
    {.section = Section::Pool,
     .name = "max_target_size",
     .type = Type::Size,
     .fallback = "\"8KiB\"",
     .min = 64,
     .max = kMiB,
     .help = "The longest request target (path and query); longer ones are answered 414.",
     .field = limit<&Limits::max_target_size>},
    {.section = Section::Pool,
     .name = "max_header_fields",
     .type = Type::Integer,
     .fallback = "100",
     .min = 1,
     .max = 128,
     .unit = "fields",
     .help = "The most header fields of a request; more are answered 431.",
     .field = limit<&Limits::max_header_fields>},
    {.section = Section::Pool,
     .name = "max_body_size",
     .type = Type::Size,
     .fallback = "\"1MiB\"",
     .min = 0,
     .max = 1024 * kGiB,
     .help = "The longest request body; longer ones are answered 413.",
     .field = limit<&Limits::max_body_size>},
    {.section = Section::Pool,
     .name = "header_timeout",
     .type = Type::Duration,
     .fallback = "\"15s\"",
     .min = 1,
     .max = kHour,
     .help = "From the first byte of a request to the end of its header fields; then 408.",
     .field = limit<&Limits::header_timeout>},
    {.section = Section::Pool,
     .name = "body_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kHour,
     .help = "How long a request body may make no progress; then 408.",
     .field = limit<&Limits::body_timeout>},
    {.section = Section::Pool,
     .name = "write_timeout",
     .type = Type::Duration,
     .fallback = "\"60s\"",
     .min = 1,
     .max = kHour,
     .help = "How long a client may read nothing of its response before the connection is closed.",
     .field = limit<&Limits::write_timeout>},
    {.section = Section::Pool,
     .name = "keepalive_timeout",
     .type = Type::Duration,
     .fallback = "\"75s\"",
     .min = 1,
     .max = kHour,
     .help = "How long a connection may be idle between two requests.",
     .field = limit<&Limits::keepalive_timeout>},
    {.section = Section::Pool,
     .name = "min_body_rate",
     .type = Type::Size,
     .fallback = "\"240B\"",
     .min = 0,
     .max = kGiB,
     .help = "The bytes a second that a request body must come at, on average; slower ones are "
             "answered 408; 0 stands for any rate.",
     .field = limit<&Limits::min_body_rate>},
    {.section = Section::Pool,
     .name = "min_read_rate",
     .type = Type::Size,
     .fallback = "\"240B\"",
     .min = 0,
     .max = kGiB,
     .help = "The bytes a second that a client must take of its response, on average, while more "
             "waits for it; the connections of slower ones are closed; 0 stands for any rate.",
     .field = limit<&Limits::min_read_rate>},
    {.section = Section::Pool,
     .name = "rate_grace",
     .type = Type::Duration,
     .fallback = "\"10s\"",
     .min = 0,
     .max = kHour,
     .help = "How long a request body or a response may fall short of min_body_rate or "
             "min_read_rate before that counts.",
     .field = limit<&Limits::rate_grace>},
    {.section = Section::Pool,
     .name = "max_connection_requests",
     .type = Type::Integer,
     .fallback = "100000",
     .min = 0,
     .max = 4'000'000'000,
     .unit = "requests",
     .help = "After so many requests a connection is ended with its next answer, so that balance "
             "and memory do not depend on clients that never leave; 0 stands for never.",
     .field = limit<&Limits::max_connection_requests>},
    {.section = Section::Pool,
     .name = "drain_idle",
     .type = Type::Duration,
     .fallback = "\"500ms\"",
     .min = 0,
     .max = kHour,
     .help = "How long a keep-alive connection must have been idle before a worker that drains "
             "closes it; one that sends a request before gets its answer, which says that the "
             "connection ends.",
     .field = limit<&Limits::drain_idle>},
    {.section = Section::Pool,
     .name = "drain_spread",
     .type = Type::Duration,
     .fallback = "\"250ms\"",
     .min = 0,
     .max = kHour,
     .help = "The window over which a worker that drains closes its idle connections, so that "
             "their clients do not all come back in the same instant.",
     .field = limit<&Limits::drain_spread>},
    {.section = Section::Pool,
     .name = "max_message_size",
     .type = Type::Size,
     .fallback = "\"16MiB\"",
     .min = 1,
     .max = kGiB,
     .help = "The longest message that a WebSocket may bring, also once it is decompressed; longer "
             "ones end it with 1009.",
     .field = limit<&Limits::max_message_size>},
    {.section = Section::Pool,
     .name = "websocket_deflate",
     .type = Type::Boolean,
     .fallback = "true",
     .help = "Whether messages of WebSockets are compressed for clients that ask for it "
             "(permessage-deflate), each by itself.",
     .field = limit<&Limits::websocket_deflate>},
    {.section = Section::Pool,
     .name = "websocket_buffer",
     .type = Type::Size,
     .fallback = "\"1MiB\"",
     .min = 4 * kKiB,
     .max = kGiB,
     .help = "The bytes of messages that may wait for the client of a WebSocket before "
             "websocket_slow says what becomes of further ones.",
     .field = limit<&Limits::websocket_buffer>},
    {.section = Section::Pool,
     .name = "websocket_slow",
     .type = Type::Choice,
     .fallback = "\"wait\"",
     .choices = "wait, drop, close",
     .help = "What if a client does not take its messages: it is not read from until it does "
             "(what others send it is dropped), they are dropped, or the WebSocket is closed.",
     .field = limit<&Limits::websocket_slow>},
    {.section = Section::Pool,
     .name = "websocket_ping",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 0,
     .max = kDay,
     .help = "A WebSocket that has been silent for so long is pinged; 0s stands for never.",
     .field = limit<&Limits::websocket_ping>},
    {.section = Section::Pool,
     .name = "websocket_timeout",
     .type = Type::Duration,
     .fallback = "\"30s\"",
     .min = 1,
     .max = kHour,
     .help = "How long a client may take to answer a ping before its connection is closed.",
     .field = limit<&Limits::websocket_timeout>},
    {.section = Section::Pool,
     .name = "websocket_close_timeout",
     .type = Type::Duration,
     .fallback = "\"5s\"",
     .min = 1,
     .max = kHour,
     .help = "How long the close handshake of a WebSocket may take before its connection is closed "
             "without.",
     .field = limit<&Limits::websocket_close_timeout>},
    {.section = Section::Pool,
     .name = "websocket_drain",
     .type = Type::Duration,
     .fallback = "\"10s\"",
     .min = 0,
     .max = kDay,
     .help = "The window over which a worker that drains closes its WebSockets with 1001, so that "
             "their clients do not all come back in the same instant.",
     .field = limit<&Limits::websocket_drain>},

    // --- routes ---
    {.section = Section::Route,
     .name = "path",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "The prefix that this route answers; begins with \"/\" and matches whole segments.",
     .field = at<&Route::path>},
    {.section = Section::Route,
     .name = "files",
     .type = Type::Path,
     .fallback = "\"\"",
     .help = "Target: the directory whose files are served.",
     .field = at<&Route::files>},
    {.section = Section::Route,
     .name = "index",
     .type = Type::FileNames,
     .fallback = "[\"index.html\"]",
     .help = "The file that is served for a directory; of several, the first that is there.",
     .field = at<&Route::index>},
    {.section = Section::Route,
     .name = "precompressed",
     .type = Type::Boolean,
     .fallback = "true",
     .help =
         "Whether a.js.br or a.js.gz is sent for a.js where it is beside it, not older, and the "
         "client accepts it.",
     .field = at<&Route::precompressed>},
    {.section = Section::Route,
     .name = "gzip",
     .type = Type::Boolean,
     .fallback = "false",
     .help = "Whether text and the like is compressed for clients that accept it.",
     .field = at<&Route::gzip>},
    {.section = Section::Route,
     .name = "fallback",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "The file below the directory that is sent for what is not there, such as "
             "\"/index.html\" of a single-page application; empty stands for 404.",
     .field = at<&Route::fallback>},
    {.section = Section::Route,
     .name = "redirect",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "Target: where to send clients, \"https://example.org/new\" or \"/new\"; what follows "
             "the path of the route, and the query, are appended.",
     .field = at<&Route::redirect>},
    {.section = Section::Route,
     .name = "status",
     .type = Type::Integer,
     .fallback = "308",
     .min = 301,
     .max = 308,
     .help = "The status of a redirect: 301 or 308 for good, 302 or 307 for now; 307 and 308 keep "
             "method and body.",
     .field = at<&Route::status>},
    {.section = Section::Route,
     .name = "headers",
     .type = Type::Headers,
     .fallback = "{}",
     .help = "Fields that are added to every answer of the route, errors included; they replace "
             "those of the pool with the same name.",
     .field = at<&Route::headers>},
    {.section = Section::Route,
     .name = "error_pages",
     .type = Type::ErrorPages,
     .fallback = "{}",
     .help = "As error_pages of the pool, for this route.",
     .field = at<&Route::error_pages>},
    {.section = Section::Route,
     .name = "module",
     .type = Type::Text,
     .fallback = "\"\"",
     .help =
         "Target: an application module, the absolute path of a shared object; \"demo\" is built "
         "in, and shows what the engine can do.",

     .field = at<&Route::module>},
    {.section = Section::Route,
     .name = "websocket",
     .type = Type::Text,
     .fallback = "\"\"",
     .help = "Target: WebSockets; \"echo\" says to each what it said itself, \"room:NAME\" says it "
             "to everybody in that room, of all workers of the pool.",
     .field = at<&Route::websocket>},
    {.section = Section::Route,
     .name = "origins",
     .type = Type::TextList,
     .fallback = "[]",
     .help = "The origins of pages that may open a WebSocket here, such as "
             "\"https://example.org\", or \"*\" for all; where there are none, the pages of the "
             "host that is asked.",
     .field = at<&Route::origins>},

    // --- [admin] ---
    {.section = Section::Admin,
     .name = "enabled",
     .type = Type::Boolean,
     .fallback = "true",
     .help = "Whether the admin server runs at all.",
     .field = at<&Admin::enabled>},
    {.section = Section::Admin,
     .name = "address",
     .type = Type::AddressList,
     .fallback = "[\"unix:/run/sockherd/admin.sock\", \"127.0.0.1:9753\"]",
     .help = "Where the admin server listens; an empty list switches it off.",
     .field = at<&Admin::address>},
    {.section = Section::Admin,
     .name = "hosts",
     .type = Type::TextList,
     .fallback = "[]",
     .help = "Further values of the Host field that are accepted over TCP, beside the addresses "
             "above; anything else is refused, against DNS rebinding.",
     .field = at<&Admin::hosts>},
    {.section = Section::Admin,
     .name = "user",
     .type = Type::Text,
     .fallback = "\"nobody\"",
     .help = "The user that the admin server runs as when the supervisor is root.",
     .field = at<&Admin::user>},
};

std::string format_list(const std::vector<std::string>& list) {
  std::string text = "[";
  for (const std::string& item : list) {
    if (text.size() > 1) text += ", ";
    text += quote(item);
  }
  return text + "]";
}

std::string format_table(const std::vector<NamedText>& table) {
  std::string text = "{";
  for (const NamedText& entry : table) {
    text += text.size() > 1 ? ", " : " ";
    text += quote(entry.name) + " = " + quote(entry.value);
  }
  return text + (text.size() > 1 ? " }" : "}");
}

std::string format_integer(const Option& option, int64_t number) {
  if (option.type == Type::Integer) return std::to_string(number);
  if (option.type != Type::Workers) return quote(format_number(option, number));
  return number == 0 ? "\"auto\"" : std::to_string(number);
}

}  // namespace

std::span<const Option> options() {
  return kOptions;
}
std::span<const SectionInfo> sections() {
  return kSections;
}

const SectionInfo& info(Section section) {
  return kSections[static_cast<size_t>(section)];
}

std::vector<const Option*> options_of(Section section) {
  std::vector<const Option*> rows;
  for (const Option& option : kOptions)
    if (option.section == section) rows.push_back(&option);
  return rows;
}

const Option* find_option(Section section, std::string_view name) {
  for (const Option& option : kOptions)
    if (option.section == section && option.name == name) return &option;
  return nullptr;
}

std::string_view expectation(Type type) {
  switch (type) {
    case Type::Text:
    case Type::Choice:
      return "a string";
    case Type::Path:
      return "an absolute path, such as \"/srv/www\"";
    case Type::Integer:
      return "a whole number";
    case Type::Boolean:
      return "true or false";
    case Type::Duration:
      return "a duration such as \"30s\", \"500ms\" or \"2m\", or a number of seconds";
    case Type::Size:
      return "a size such as \"16KiB\" or \"1MiB\", or a number of bytes";
    case Type::Workers:
      return "\"auto\" or a whole number";
    case Type::AccessMode:
      return "an access mode such as \"0660\"";
    case Type::Address:
      return "an address such as \"[::]:8080\" or \"unix:/run/web.sock\"";
    case Type::AddressList:
      return "a list of addresses, such as [\"127.0.0.1:9753\"]";
    case Type::BusUrl:
      return "a URL such as \"redis://10.0.0.5:6379\"";
    case Type::TextList:
      return "a list of strings, such as [\"web\"]";
    case Type::FileNames:
      return "a file name such as \"index.html\", or a list of them";
    case Type::Environment:
      return "a list of strings \"NAME=value\"";
    case Type::Headers:
      return "a table of fields, such as { \"Cache-Control\" = \"max-age=60\" }";
    case Type::ErrorPages:
      return "a table of files, such as { \"404\" = \"/srv/errors/404.html\" }";
    case Type::Routes:
      return "a list of tables, such as [{ path = \"/\", module = \"demo\" }]";
  }
  return "";
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::Text:
      return "string";
    case Type::Choice:
      return "choice";
    case Type::Path:
      return "path";
    case Type::Integer:
      return "integer";
    case Type::Boolean:
      return "boolean";
    case Type::Duration:
      return "duration";
    case Type::Size:
      return "size";
    case Type::Workers:
      return "workers";
    case Type::AccessMode:
      return "access mode";
    case Type::Address:
      return "address";
    case Type::AddressList:
      return "list of addresses";
    case Type::BusUrl:
      return "URL";
    case Type::TextList:
    case Type::FileNames:
    case Type::Environment:
      return "list of strings";
    case Type::Headers:
    case Type::ErrorPages:
      return "table";
    case Type::Routes:
      return "list of tables";
  }
  return "";
}

std::string format_number(const Option& option, int64_t number) {
  if (option.type == Type::Duration) return format_duration(Milliseconds(number));
  if (option.type == Type::Size) return format_size(number);
  if (option.type == Type::AccessMode) return format_access_mode(number);
  return std::to_string(number);
}

std::string format_bounds(const Option& option) {
  if (option.min == option.max) return "";
  return format_number(option, option.min) + " to " + format_number(option, option.max);
}

std::string format_value(const Option& option, const Object& object) {
  const Field field = option.field(object);
  if (const auto* text = std::get_if<std::string*>(&field)) {
    return quote(option.type == Type::BusUrl ? redacted(**text) : **text);
  }
  if (const auto* number = std::get_if<int64_t*>(&field)) return format_integer(option, **number);
  if (const auto* flag = std::get_if<bool*>(&field)) return **flag ? "true" : "false";
  if (const auto* time = std::get_if<Milliseconds*>(&field)) return quote(format_duration(**time));
  if (const auto* list = std::get_if<std::vector<std::string>*>(&field)) return format_list(**list);
  if (const auto* table = std::get_if<std::vector<NamedText>*>(&field))
    return format_table(**table);
  const auto* routes = std::get_if<std::vector<Route>*>(&field);
  return std::to_string((*routes)->size());
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      quoted += escaped;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace sockherd::config
