#include "admin/metrics/table.h"

#include <algorithm>
#include <array>

#include "daemon/stats/histogram.h"

namespace sockherd::metrics {
namespace {

using stats::Count;

constexpr Part kStates[] = {
    {"starting", "starting"}, {"ready", "ready"}, {"draining", "draining"}, {"backoff", "backoff"}};
constexpr Part kExits[] = {{"requested", "exits_requested"},
                           {"exit", "exits_exit"},
                           {"signal", "exits_signal"},
                           {"start_timeout", "exits_start_timeout"},
                           {"drain_timeout", "exits_drain_timeout"},
                           {"start_failed", "exits_start_failed"},
                           {"hang", "exits_hang"},
                           {"forced_out", "exits_forced_out"}};
constexpr Part kHangs[] = {
    {"loop", "hangs_loop"}, {"queue", "hangs_queue"}, {"watchdog", "hangs_watchdog"}};
constexpr Part kCodes[] = {{"1xx", "", Count::Responses1xx},
                           {"2xx", "", Count::Responses2xx},
                           {"3xx", "", Count::Responses3xx},
                           {"4xx", "", Count::Responses4xx},
                           {"5xx", "", Count::Responses5xx}};
constexpr Part kRejections[] = {{"bad_request", "", Count::BadRequests},
                                {"head_too_large", "", Count::HeadTooLarge},
                                {"target_too_long", "", Count::TargetTooLong},
                                {"body_too_large", "", Count::BodyTooLarge}};
constexpr Part kTimeouts[] = {
    {"header", "", Count::HeaderTimeouts}, {"body", "", Count::BodyTimeouts},
    {"write", "", Count::WriteTimeouts},   {"keepalive", "", Count::KeepaliveTimeouts},
    {"body_rate", "", Count::SlowBodies},  {"read_rate", "", Count::SlowReads}};
constexpr Part kBlocking[] = {{"queue_full", "", Count::BlockingFull},
                              {"queue_timeout", "", Count::BlockingQueueTimeouts},
                              {"request_timeout", "", Count::BlockingTimeouts}};
constexpr Part kProxyFailures[] = {{"502", "", Count::ProxyBadGateways},
                                   {"503", "", Count::ProxyUnavailable},
                                   {"504", "", Count::ProxyTimeouts},
                                   {"broken", "", Count::ProxyBroken},
                                   {"abandoned", "", Count::ProxyAbandoned}};
constexpr Part kProxyQueue[] = {{"queue_full", "", Count::ProxyQueueFull},
                                {"queue_timeout", "", Count::ProxyQueueTimeouts}};
constexpr Part kUpstreamConnections[] = {{"new", "", Count::UpstreamConnects},
                                         {"kept", "", Count::UpstreamReuses},
                                         {"failed", "", Count::UpstreamConnectFailures}};
constexpr Part kUpstreamBytes[] = {{"sent", "", Count::UpstreamBytesSent},
                                   {"received", "", Count::UpstreamBytesReceived}};
constexpr Part kTunnelBytes[] = {{"sent", "", Count::TunnelBytesUp},
                                 {"received", "", Count::TunnelBytesDown}};
constexpr Part kCloses[] = {{"1000", "", Count::WebSocketClosesNormal},
                            {"1001", "", Count::WebSocketClosesGoingAway},
                            {"error", "", Count::WebSocketClosesError},
                            {"application", "", Count::WebSocketClosesApplication},
                            {"none", "", Count::WebSocketClosesAbnormal}};
constexpr Part kSlow[] = {{"wait", "", Count::WebSocketWaits},
                          {"drop", "", Count::WebSocketMessagesDropped},
                          {"close", "", Count::WebSocketSlowCloses}};
constexpr Part kWebSocketTimeouts[] = {{"pong", "", Count::WebSocketTimeouts},
                                       {"close", "", Count::WebSocketCloseTimeouts}};
constexpr Part kRemoteDrops[] = {{"queue_full", "", Count::RemoteDropped},
                                 {"unconfirmed", "", Count::RemoteUnconfirmed}};
constexpr Part kLogDrops[] = {{"full", "", Count::AccessLogDropped},
                              {"write", "", Count::AccessLogWriteErrors}};
// The key says which process counted, the value of the second label.
constexpr Part kLogs[] = {
    {"warning", "supervisor"}, {"error", "supervisor"}, {"warning", "admin"}, {"error", "admin"}};
constexpr Part kAdminCodes[] = {{"2xx", ""}, {"3xx", ""}, {"4xx", ""}, {"5xx", ""}};
constexpr Part kRefusals[] = {
    {"host", ""}, {"origin", ""}, {"fetch_site", ""}, {"upgrade", ""}, {"content_type", ""}};

constexpr std::array kTable = {
    Metric{"sockherd_build_info", Type::Gauge, "", "version,compiler",
           "Version of sockherd, as labels of a constant 1.", Source::Build},
    Metric{"sockherd_start_time_seconds", Type::Gauge, "seconds", "",
           "Unix time when the supervisor started.", Source::Status, "start_time_seconds"},
    Metric{"sockherd_supervisor_starts_total", Type::Counter, "", "",
           "Starts of the supervisor: the first one, restarts, upgrades and crashes.",
           Source::Status, "supervisor_starts"},
    Metric{"sockherd_ready", Type::Gauge, "", "",
           "1 while every pool has the ready workers it needs, else 0.", Source::Status, "ready"},
    Metric{"sockherd_lame_duck", Type::Gauge, "", "",
           "1 while the service is about to stop and still serves, else 0.", Source::Status,
           "lame_duck"},
    Metric{"sockherd_watchdog_withheld", Type::Gauge, "", "",
           "1 while systemd is not pinged because too few workers serve, else 0.", Source::Status,
           "watchdog_withheld"},
    Metric{"sockherd_events_total", Type::Counter, "", "event",
           "Events, by the names of sockherdctl events.", Source::Events},
    Metric{"sockherd_fd_store_failures_total", Type::Counter, "", "",
           "Descriptors that systemd could not be asked to keep.", Source::Status,
           "fd_store_failures"},
    Metric{"sockherd_state_save_failures_total", Type::Counter, "", "",
           "Failures to save the state for the next supervisor.", Source::Status,
           "state_save_failures"},
    Metric{"sockherd_config_generation", Type::Gauge, "", "",
           "Number of the configuration in force.", Source::Status, "generation"},
    Metric{"sockherd_config_last_reload_successful", Type::Gauge, "", "",
           "1 if the last reload succeeded, 0 if it changed nothing.", Source::Status,
           "last_reload_ok"},
    Metric{"sockherd_config_last_reload_success_timestamp_seconds", Type::Gauge, "seconds", "",
           "Unix time of the last successful reload, 0 if there was none.", Source::Status,
           "last_reload_time_seconds"},
    Metric{"sockherd_config_last_reload_duration_seconds", Type::Gauge, "seconds", "",
           "How long the last reload took, from the request to the last worker.", Source::Status,
           "last_reload_seconds"},
    Metric{"sockherd_reloads_total", Type::Counter, "", "", "Reloads requested.", Source::Status,
           "reloads"},
    Metric{"sockherd_reload_failures_total", Type::Counter, "", "",
           "Reloads that were refused or rolled back.", Source::Status, "reload_failures"},

    Metric{"sockherd_workers", Type::Gauge, "", "pool,state", "Workers by state.",
           Source::PoolParts, "", Count::Requests, kStates},
    Metric{"sockherd_workers_desired", Type::Gauge, "", "pool", "Workers that a pool should have.",
           Source::Pool, "desired"},
    Metric{"sockherd_workers_limit", Type::Gauge, "", "pool",
           "Most workers that a pool may be scaled to.", Source::Pool, "max"},
    Metric{"sockherd_worker_threads", Type::Gauge, "", "pool", "Threads that each worker has.",
           Source::Pool, "threads"},
    Metric{"sockherd_workers_adopted", Type::Gauge, "", "pool",
           "Workers that a previous supervisor started.", Source::Pool, "adopted"},
    Metric{"sockherd_workers_hung", Type::Gauge, "", "pool",
           "Workers that make no progress and have been told to end.", Source::Pool, "hung"},
    Metric{"sockherd_workers_leaving", Type::Gauge, "", "pool",
           "Workers that new connections are steered away from.", Source::Pool, "leaving"},
    Metric{"sockherd_slots_lent", Type::Gauge, "", "pool",
           "Slots without a worker, whose connections a sibling accepts.", Source::Pool, "lent"},
    Metric{"sockherd_connections_relayed_total", Type::Counter, "", "pool",
           "Connections that waited for a program that was gone, passed on to its siblings.",
           Source::Pool, "relayed"},
    Metric{"sockherd_old_generations", Type::Gauge, "", "pool",
           "Configurations before the one in force that still have workers.", Source::Pool,
           "old_generations"},
    Metric{"sockherd_worker_adoptions_total", Type::Counter, "", "",
           "Workers taken over from a predecessor.", Source::Status, "worker_adoptions"},
    Metric{"sockherd_worker_starts_total", Type::Counter, "", "pool", "Workers started.",
           Source::Pool, "starts"},
    Metric{"sockherd_worker_exits_total", Type::Counter, "", "pool,reason",
           "Workers that ended, by reason.", Source::PoolParts, "", Count::Requests, kExits},
    Metric{"sockherd_worker_hangs_total", Type::Counter, "", "pool,reason",
           "Workers that made no progress, by how that was detected.", Source::PoolParts, "",
           Count::Requests, kHangs},
    Metric{"sockherd_worker_generation", Type::Gauge, "", "pool,slot",
           "Configuration that the worker of a slot was started with, 0 without a worker.",
           Source::Worker, "generation"},
    Metric{"sockherd_worker_connections", Type::Gauge, "", "pool,slot", "Connections open now.",
           Source::SlotOpen},
    Metric{"sockherd_worker_connections_accepted_total", Type::Counter, "", "pool,slot",
           "Connections accepted.", Source::SlotCount, "", Count::ConnectionsAccepted},
    Metric{"sockherd_worker_connections_given_total", Type::Counter, "", "pool,slot",
           "Idle connections that a draining worker handed to another one.", Source::SlotCount, "",
           Count::ConnectionsGiven},
    Metric{"sockherd_worker_connections_adopted_total", Type::Counter, "", "pool,slot",
           "Connections that a worker took over from a draining one; they are not counted as "
           "accepted again.",
           Source::SlotCount, "", Count::ConnectionsAdopted},
    Metric{"sockherd_worker_memory_bytes", Type::Gauge, "bytes", "pool,slot",
           "Memory that the worker of a slot uses: its control group, else the process alone.",
           Source::Worker, "memory_bytes"},
    Metric{"sockherd_worker_cpu_seconds", Type::Gauge, "seconds", "pool,slot",
           "CPU time that the worker of a slot has used since its start.", Source::Worker,
           "cpu_seconds"},
    Metric{"sockherd_worker_output_lines_total", Type::Counter, "", "pool",
           "Lines that commands have written, passed on to the log.", Source::Pool, "output_lines"},
    Metric{"sockherd_worker_output_dropped_total", Type::Counter, "", "pool",
           "Lines that commands have written, dropped: too many, or the log did not take them.",
           Source::Pool, "output_dropped"},
    Metric{"sockherd_worker_connections_refused_total", Type::Counter, "", "pool",
           "Connections answered with 503 because a worker had reached max_connections.",
           Source::PoolCount, "", Count::ConnectionsRefused},
    Metric{"sockherd_worker_accept_errors_total", Type::Counter, "", "pool",
           "Failed calls of accept.", Source::PoolCount, "", Count::AcceptErrors},
    Metric{"sockherd_worker_loop_iterations_total", Type::Counter, "", "pool,slot",
           "Turns of the event loop: the heartbeat of a worker.", Source::SlotCount, "",
           Count::LoopIterations},

    Metric{"sockherd_listener_accept_queue_length", Type::Gauge, "", "listener,slot",
           "Connections that wait in the kernel to be accepted.", Source::Listener, "accept_queue"},
    Metric{"sockherd_listener_accept_queue_limit", Type::Gauge, "", "listener,slot",
           "Connections that may wait before the kernel drops new ones.", Source::Listener,
           "accept_queue_limit"},
    Metric{"sockherd_listener_balance_info", Type::Gauge, "", "listener,wanted,in_force",
           "How new connections are balanced: as configured, and what is in force.",
           Source::ListenerBalance},

    Metric{"sockherd_upstream_requests_in_flight", Type::Gauge, "", "upstream,slot",
           "Requests that a worker behind a proxy route has in flight, from all proxying workers.",
           Source::Upstream, "in_flight"},
    Metric{"sockherd_upstream_requests_total", Type::Counter, "", "upstream,slot",
           "Requests sent to a worker behind a proxy route.", Source::Upstream, "requests"},
    Metric{"sockherd_upstream_failures_total", Type::Counter, "", "upstream,slot",
           "Requests that it did not answer, or not completely.", Source::Upstream, "failed"},
    Metric{"sockherd_upstream_ejections_total", Type::Counter, "", "upstream,slot",
           "Times that it was ejected because it had failed.", Source::Upstream, "ejections"},
    Metric{"sockherd_upstream_ejected", Type::Gauge, "", "upstream,slot",
           "1 while it is ejected, else 0.", Source::Upstream, "ejected"},
    Metric{"sockherd_upstream_requests_waiting", Type::Gauge, "", "upstream",
           "Requests that wait for a worker behind a proxy route to become free.",
           Source::UpstreamQueue, "waiting"},

    Metric{"sockherd_http_requests_total", Type::Counter, "", "pool,slot",
           "Requests whose head was complete and valid.", Source::SlotCount, "", Count::Requests},
    Metric{"sockherd_http_responses_total", Type::Counter, "", "pool,code",
           "Responses, by class of status code.", Source::PoolCountParts, "", Count::Requests,
           kCodes},
    Metric{"sockherd_http_request_duration_seconds", Type::Histogram, "seconds", "pool",
           "Time from the start of a request to the last byte of its response.",
           Source::PoolLatency},
    Metric{"sockherd_http_received_bytes_total", Type::Counter, "bytes", "pool",
           "Bytes received from clients.", Source::PoolCount, "", Count::BytesReceived},
    Metric{"sockherd_http_sent_bytes_total", Type::Counter, "bytes", "pool",
           "Bytes sent to clients.", Source::PoolCount, "", Count::BytesSent},
    Metric{"sockherd_http_rejected_requests_total", Type::Counter, "", "pool,reason",
           "Requests refused because they were malformed or over a limit.", Source::PoolCountParts,
           "", Count::Requests, kRejections},
    Metric{"sockherd_http_timeouts_total", Type::Counter, "", "pool,phase",
           "Connections ended because a client was too slow, by phase.", Source::PoolCountParts, "",
           Count::Requests, kTimeouts},
    Metric{"sockherd_http_connections_exhausted_total", Type::Counter, "", "pool",
           "Connections ended because they had reached max_connection_requests.", Source::PoolCount,
           "", Count::RequestsExhausted},

    Metric{"sockherd_access_log_records_total", Type::Counter, "", "pool",
           "Lines written to the access log.", Source::PoolCount, "", Count::AccessLogRecords},
    Metric{"sockherd_access_log_dropped_total", Type::Counter, "", "pool,reason",
           "Lines that the access log lost: its buffer was full, or a write failed.",
           Source::PoolCountParts, "", Count::Requests, kLogDrops},

    Metric{"sockherd_handler_failures_total", Type::Counter, "", "pool",
           "Exceptions of application modules, and responses that they released without sending.",
           Source::PoolCount, "", Count::HandlerFailures},
    Metric{"sockherd_blocking_queued", Type::Gauge, "", "pool",
           "Requests that wait for a thread for blocking handlers.", Source::PoolGauge, "",
           Count::BlockingQueued},
    Metric{"sockherd_blocking_running", Type::Gauge, "", "pool",
           "Blocking handlers that are running.", Source::PoolGauge, "", Count::BlockingStarted},
    Metric{"sockherd_blocking_started_total", Type::Counter, "", "pool",
           "Blocking handlers that were started.", Source::PoolCount, "", Count::BlockingStarted},
    Metric{"sockherd_blocking_rejected_total", Type::Counter, "", "pool,reason",
           "Requests answered 503 or 504 before their blocking handler had finished, by reason.",
           Source::PoolCountParts, "", Count::Requests, kBlocking},
    Metric{"sockherd_blocking_late_answers_total", Type::Counter, "", "pool",
           "Answers of blocking handlers that came too late.", Source::PoolCount, "",
           Count::BlockingLate},

    Metric{"sockherd_proxy_requests_total", Type::Counter, "", "pool",
           "Requests that came to proxy routes.", Source::PoolCount, "", Count::ProxyRequests},
    Metric{"sockherd_proxy_failures_total", Type::Counter, "", "pool,outcome",
           "Those that the upstream did not answer: 502, 503 and 504 were answered instead; "
           "broken: the answer had begun; abandoned: the client had gone.",
           Source::PoolCountParts, "", Count::Requests, kProxyFailures},
    Metric{"sockherd_proxy_queue_length", Type::Gauge, "", "pool",
           "Requests that wait for a place at an upstream.", Source::PoolGauge, "",
           Count::ProxyQueued},
    Metric{"sockherd_proxy_queued_total", Type::Counter, "", "pool",
           "Requests that had to wait for a place.", Source::PoolCount, "", Count::ProxyQueued},
    Metric{"sockherd_proxy_queue_wait_seconds_total", Type::Counter, "seconds", "pool",
           "Time that requests waited for a place, in total.", Source::PoolCount, "",
           Count::ProxyQueueMicroseconds},
    Metric{"sockherd_proxy_queue_rejected_total", Type::Counter, "", "pool,reason",
           "Requests answered 503 because too many waited already, or they had waited too long.",
           Source::PoolCountParts, "", Count::Requests, kProxyQueue},
    Metric{"sockherd_proxy_retries_total", Type::Counter, "", "pool",
           "Requests sent again: no upstream had seen them yet, or they may be repeated.",
           Source::PoolCount, "", Count::UpstreamRetries},
    Metric{"sockherd_proxy_connections_total", Type::Counter, "", "pool,kind",
           "Connections to upstreams: new ones, uses of kept ones, and new ones that failed.",
           Source::PoolCountParts, "", Count::Requests, kUpstreamConnections},
    Metric{"sockherd_proxy_upstream_failures_total", Type::Counter, "", "pool",
           "Requests that an upstream failed: no connection, no answer, an incomplete or an "
           "invalid one.",
           Source::PoolCount, "", Count::UpstreamFailures},
    Metric{"sockherd_proxy_ejections_total", Type::Counter, "", "pool",
           "Times that an upstream was ejected because of that.", Source::PoolCount, "",
           Count::UpstreamEjections},
    Metric{"sockherd_proxy_probes_total", Type::Counter, "", "pool", "Probes of ejected upstreams.",
           Source::PoolCount, "", Count::UpstreamProbes},
    Metric{"sockherd_proxy_bytes_total", Type::Counter, "bytes", "pool,direction",
           "Bytes sent to upstreams, and received from them, without tunnels.",
           Source::PoolCountParts, "", Count::Requests, kUpstreamBytes},
    Metric{"sockherd_proxy_tunnels", Type::Gauge, "", "pool",
           "Tunnels open now: WebSockets and other upgraded connections behind a proxy route.",
           Source::PoolGauge, "", Count::TunnelsOpened},
    Metric{"sockherd_proxy_tunnels_opened_total", Type::Counter, "", "pool", "Tunnels opened.",
           Source::PoolCount, "", Count::TunnelsOpened},
    Metric{"sockherd_proxy_tunnel_timeouts_total", Type::Counter, "", "pool",
           "Tunnels closed because both sides were silent.", Source::PoolCount, "",
           Count::TunnelTimeouts},
    Metric{"sockherd_proxy_tunnel_bytes_total", Type::Counter, "bytes", "pool,direction",
           "Bytes sent to upstreams through tunnels, and received from them.",
           Source::PoolCountParts, "", Count::Requests, kTunnelBytes},

    Metric{"sockherd_websocket_connections", Type::Gauge, "", "pool", "WebSockets open now.",
           Source::PoolGauge, "", Count::WebSocketsOpened},
    Metric{"sockherd_websocket_opened_total", Type::Counter, "", "pool", "WebSockets opened.",
           Source::PoolCount, "", Count::WebSocketsOpened},
    Metric{"sockherd_websocket_origins_refused_total", Type::Counter, "", "pool",
           "Requests for WebSockets from pages of other origins, answered with 403.",
           Source::PoolCount, "", Count::WebSocketOriginsRefused},
    Metric{"sockherd_websocket_messages_received_total", Type::Counter, "", "pool",
           "Messages that came over WebSockets.", Source::PoolCount, "",
           Count::WebSocketMessagesReceived},
    Metric{"sockherd_websocket_messages_sent_total", Type::Counter, "", "pool",
           "Messages sent, or about to be, over WebSockets, each receiver counted.",
           Source::PoolCount, "", Count::WebSocketMessagesSent},
    Metric{"sockherd_websocket_received_bytes_total", Type::Counter, "bytes", "pool",
           "Payload of the messages received, as it came.", Source::PoolCount, "",
           Count::WebSocketBytesReceived},
    Metric{"sockherd_websocket_sent_bytes_total", Type::Counter, "bytes", "pool",
           "Payload of the messages sent, before it is compressed.", Source::PoolCount, "",
           Count::WebSocketBytesSent},
    Metric{"sockherd_websocket_closes_total", Type::Counter, "", "pool,code",
           "WebSockets closed, by code: 1000 or no code, 1001, error (1002 to 1014), application "
           "(3000 to 4999), none (the connection broke).",
           Source::PoolCountParts, "", Count::Requests, kCloses},
    Metric{"sockherd_websocket_slow_total", Type::Counter, "", "pool,policy",
           "Clients that did not take their messages, by what was done: times that one was not "
           "read from, messages dropped, WebSockets closed.",
           Source::PoolCountParts, "", Count::Requests, kSlow},
    Metric{"sockherd_websocket_pings_total", Type::Counter, "", "pool",
           "Pings sent to clients that were silent.", Source::PoolCount, "", Count::WebSocketPings},
    Metric{"sockherd_websocket_timeouts_total", Type::Counter, "", "pool,phase",
           "WebSockets ended because a client did not answer a ping or a Close.",
           Source::PoolCountParts, "", Count::Requests, kWebSocketTimeouts},

    Metric{"sockherd_room_messages_total", Type::Counter, "", "pool",
           "Messages that workers have published in rooms.", Source::PoolCount, "",
           Count::RoomMessages},
    Metric{"sockherd_room_deliveries_total", Type::Counter, "", "pool",
           "Deliveries of such messages, each to one member.", Source::PoolCount, "",
           Count::RoomDeliveries},
    Metric{"sockherd_bus_refused_total", Type::Counter, "", "pool",
           "Messages that reached no other worker: larger than a quarter of bus_buffer.",
           Source::PoolCount, "", Count::BusRefused},
    Metric{"sockherd_bus_missed_total", Type::Counter, "", "pool",
           "Messages of other workers that a worker was too slow to read, counted in each.",
           Source::PoolCount, "", Count::BusMissed},
    Metric{"sockherd_remote_bus_connected", Type::Gauge, "", "pool",
           "Threads of workers that are connected to the Redis of bus.", Source::PoolGauge, "",
           Count::RemoteConnects},
    Metric{"sockherd_remote_bus_connects_total", Type::Counter, "", "pool",
           "Times that one was connected to it.", Source::PoolCount, "", Count::RemoteConnects},
    Metric{"sockherd_remote_bus_queue_length", Type::Gauge, "", "pool",
           "Messages that wait for it, or for its confirmation.", Source::PoolGauge, "",
           Count::RemoteQueued},
    Metric{"sockherd_remote_bus_published_total", Type::Counter, "", "pool",
           "Messages that it has confirmed.", Source::PoolCount, "", Count::RemotePublished},
    Metric{"sockherd_remote_bus_dropped_total", Type::Counter, "", "pool,reason",
           "Messages that stayed on this machine: the queue was full, or the worker ended before "
           "they were confirmed.",
           Source::PoolCountParts, "", Count::Requests, kRemoteDrops},
    Metric{"sockherd_remote_bus_received_total", Type::Counter, "", "pool",
           "Messages of other machines, counted in each thread that has members in their room.",
           Source::PoolCount, "", Count::RemoteReceived},
    Metric{"sockherd_remote_bus_missed_total", Type::Counter, "", "pool",
           "Such messages that have not come, by their numbers.", Source::PoolCount, "",
           Count::RemoteMissed},
    Metric{"sockherd_remote_bus_duplicates_total", Type::Counter, "", "pool",
           "Such messages that came once more and were passed over.", Source::PoolCount, "",
           Count::RemoteDuplicates},
    Metric{"sockherd_remote_bus_delay_seconds_total", Type::Counter, "seconds", "pool",
           "Time from publication to receipt of those received, by the clocks of both machines.",
           Source::PoolCount, "", Count::RemoteDelayMicroseconds},

    Metric{"sockherd_log_messages_total", Type::Counter, "", "level,process",
           "Log lines written, by level.", Source::Log, "", Count::Requests, kLogs},
    Metric{"sockherd_admin_restarts_total", Type::Counter, "", "", "Restarts of the admin process.",
           Source::Status, "admin_restarts"},
    Metric{"sockherd_admin_requests_total", Type::Counter, "", "code",
           "Requests to the admin server, by class of status code.", Source::AdminResponses, "",
           Count::Requests, kAdminCodes},
    Metric{"sockherd_admin_requests_refused_total", Type::Counter, "", "reason",
           "Requests to the admin server that its access rules refused.", Source::AdminRefused, "",
           Count::Requests, kRefusals},
    Metric{"sockherd_admin_connections", Type::Gauge, "", "",
           "Connections to the admin server open now.", Source::AdminOpen},
    Metric{"sockherd_admin_connections_refused_total", Type::Counter, "", "",
           "Connections to the admin server answered with 503: too many.", Source::AdminTurnedAway},

    Metric{"process_cpu_seconds_total", Type::Counter, "seconds", "process",
           "CPU time used, user and system.", Source::Process, "cpu_seconds"},
    Metric{"process_start_time_seconds", Type::Gauge, "seconds", "process",
           "Unix time when the process started.", Source::Process, "start_time_seconds"},
    Metric{"process_resident_memory_bytes", Type::Gauge, "bytes", "process", "Memory in RAM.",
           Source::Process, "resident_memory_bytes"},
    Metric{"process_virtual_memory_bytes", Type::Gauge, "bytes", "process", "Address space in use.",
           Source::Process, "virtual_memory_bytes"},
    Metric{"process_threads", Type::Gauge, "", "process", "Threads.", Source::Process, "threads"},
    Metric{"process_open_fds", Type::Gauge, "", "process", "Open file descriptors.",
           Source::Process, "open_fds"},
    Metric{"process_max_fds", Type::Gauge, "", "process", "Most file descriptors that may be open.",
           Source::Process, "max_fds"},

    Metric{"sockherd_scrape_duration_seconds", Type::Gauge, "seconds", "",
           "Time that gathering this scrape took.", Source::Scrape},
};

constexpr std::array<uint64_t, 14> kLatencyBoundsNs = {
    500'000,       1'000'000,     2'500'000,     5'000'000,     10'000'000,
    25'000'000,    50'000'000,    100'000'000,   250'000'000,   500'000'000,
    1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

constexpr bool are_bounds_of_histogram() {
  constexpr auto kAll = stats::Histogram::bounds();
  return std::all_of(kLatencyBoundsNs.begin(), kLatencyBoundsNs.end(), [&](uint64_t bound) {
    return std::find(kAll.begin(), kAll.end(), bound) != kAll.end();
  });
}
static_assert(are_bounds_of_histogram(), "a bucket would be an estimate");

void append_row(std::string& out, const Metric& metric) {
  const std::string_view columns[] = {metric.name, type_name(metric.type), metric.unit,
                                      metric.labels, source_name(metric.source)};
  for (const std::string_view column : columns) {
    out += column.empty() ? "-" : column;
    out += '\t';
  }
  out += metric.help;
  out += '\n';
}

}  // namespace

std::span<const Metric> table() {
  return kTable;
}

std::span<const uint64_t> latency_bounds_ns() {
  return kLatencyBoundsNs;
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::Counter:
      return "counter";
    case Type::Gauge:
      return "gauge";
    case Type::Histogram:
      return "histogram";
  }
  return "untyped";
}

std::string_view source_name(Source source) {
  switch (source) {
    case Source::Build:
      return "build";
    case Source::Scrape:
      return "scrape";
    case Source::Status:
      return "GetStatus";
    case Source::Events:
      return "CountEvents";
    case Source::Pool:
    case Source::PoolParts:
      return "ListPools";
    case Source::Worker:
      return "ListWorkers";
    case Source::Listener:
    case Source::ListenerBalance:
      return "ListListeners";
    case Source::Upstream:
    case Source::UpstreamQueue:
      return "ListUpstreams";
    case Source::SlotCount:
    case Source::SlotOpen:
    case Source::PoolCount:
    case Source::PoolCountParts:
    case Source::PoolGauge:
    case Source::PoolLatency:
      return "pages";
    case Source::Process:
      return "proc";
    case Source::Log:
      return "GetStatus, admin";
    case Source::AdminResponses:
    case Source::AdminRefused:
    case Source::AdminOpen:
    case Source::AdminTurnedAway:
      return "admin";
  }
  return "";
}

std::string describe_table() {
  std::string out;
  for (const Metric& metric : kTable) append_row(out, metric);
  return out;
}

}  // namespace sockherd::metrics
