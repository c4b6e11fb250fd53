// The shared statistics pages: what a worker counts, and how it is read.
//
// A segment (segment.h) is one memory file a pool: a header, one page of totals a slot, and seats.
// A worker process sits on one seat and is its only writer, so an event costs one relaxed load and
// one relaxed store of its own cache line: no locked instruction, no sharing. When a worker has
// ended, the supervisor folds its seat into the totals of its slot. So a slot's count is its total
// plus its live seats, and never goes down. Open connections are accepted + adopted - given -
// closed; folding closes what was open.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "daemon/stats/histogram.h"

namespace sockherd::stats {

// What is counted. The admin side's metric table names each of them; add here and there.
enum class Count : uint8_t {
  ConnectionsAccepted,
  ConnectionsAdopted,  // accepted by another worker, which gave them away when it drained
  ConnectionsGiven,
  ConnectionsClosed,
  ConnectionsRefused,  // above max_connections, answered 503
  AcceptErrors,
  Requests,  // heads that were complete and valid
  Responses1xx,
  Responses2xx,
  Responses3xx,
  Responses4xx,
  Responses5xx,
  BytesReceived,
  BytesSent,
  BadRequests,           // 400: malformed head or framing
  HeadTooLarge,          // 431
  TargetTooLong,         // 414
  BodyTooLarge,          // 413
  HeaderTimeouts,        // 408 in the head
  BodyTimeouts,          // 408 in the body
  WriteTimeouts,         // closed: the client does not read
  KeepaliveTimeouts,     // closed: idle
  SlowBodies,            // 408: the body comes below min_body_rate
  SlowReads,             // closed: the client reads below min_read_rate
  RequestsExhausted,     // connections ended after max_connection_requests
  LoopIterations,        // heartbeat of the event loop
  AccessLogRecords,      // written; by the access log's own thread, which also has:
  AccessLogWriteErrors,  // lost: the file or the reader did not take them
  AccessLogDropped,      // lost: the ring was full
  RoomMessages,          // published here
  RoomDeliveries,        // to members here, of messages from wherever
  BusRefused,            // lost: larger than a quarter of the ring to the other lanes
  BusMissed,             // lost: written over by a lane before this one has read it
  WebSocketsOpened,
  WebSocketsClosed,
  WebSocketMessagesReceived,
  WebSocketMessagesSent,
  WebSocketBytesReceived,      // payload, as it came
  WebSocketBytesSent,          // the same, before it is compressed
  WebSocketMessagesDropped,    // the client did not take those before
  WebSocketWaits,              // a client was not read from until it did
  WebSocketSlowCloses,         // or was closed for it
  WebSocketPings,              // sent
  WebSocketTimeouts,           // closed: no pong
  WebSocketCloseTimeouts,      // closed: no answer to our Close
  WebSocketOriginsRefused,     // 403
  WebSocketClosesNormal,       // 1000, or none
  WebSocketClosesGoingAway,    // 1001
  WebSocketClosesError,        // 1002 to 1014
  WebSocketClosesApplication,  // 3000 to 4999
  WebSocketClosesAbnormal,     // without a Close
  HandlerFailures,             // exceptions, and responses that were let go of
  // Of blocking handlers. These four are added to by several threads, atomically.
  BlockingQueued,
  BlockingCancelled,  // taken out of the queue, or never put there
  BlockingStarted,
  BlockingEnded,
  BlockingFull,           // 503: no room in the queue
  BlockingQueueTimeouts,  // 503: no thread was free in time
  BlockingTimeouts,       // 504
  BlockingLate,           // answers that nobody waited for any more
  RemoteConnects,         // to the engine that carries rooms to other machines
  RemoteDisconnects,
  RemoteQueued,             // to be published there
  RemotePublished,          // of these, confirmed
  RemoteUnconfirmed,        // of these, given up at the worker's end
  RemoteDropped,            // lost: the queue was full
  RemoteReceived,           // from other machines
  RemoteDuplicates,         // passed over: sent twice because nobody confirmed it
  RemoteMissed,             // lost: published by another machine and not received
  RemoteDelayMicroseconds,  // from publication to receipt, of all together
  ProxyRequests,            // that came to a proxy route
  ProxyBadGateways,         // 502
  ProxyUnavailable,         // 503: full, or nobody was free in time
  ProxyTimeouts,            // 504
  ProxyBroken,              // answers that had begun and broke off
  ProxyAbandoned,           // the client has gone before its answer was there
  ProxyQueued,
  ProxyDequeued,
  ProxyQueueMicroseconds,  // waited, of all together
  ProxyQueueFull,          // 503
  ProxyQueueTimeouts,      // 503
  UpstreamConnects,        // begun
  UpstreamConnectFailures,
  UpstreamReuses,    // of kept connections
  UpstreamRetries,   // requests that were asked again
  UpstreamFailures,  // no connection, no answer, half of one, or one that makes no sense
  UpstreamEjections,
  UpstreamProbes,
  UpstreamBytesSent,
  UpstreamBytesReceived,
  TunnelsOpened,
  TunnelsClosed,
  TunnelTimeouts,  // closed: silent
  TunnelBytesUp,   // from clients
  TunnelBytesDown,
  OutputLines,  // of a command; counted by the supervisor, which reads them
  OutputLinesDropped,
  End,  // behind the last one
};
inline constexpr auto kCounts = static_cast<size_t>(Count::End);

struct Counters {
  std::array<std::atomic<uint64_t>, kCounts> counts{};
  std::array<std::atomic<uint64_t>, Histogram::kBuckets> latency{};  // requests by duration
  std::atomic<uint64_t> latency_sum_ns{0};

  // Single writer: see above.
  static void bump(std::atomic<uint64_t>& counter, uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void add(Count what, uint64_t by = 1) { bump(counts[static_cast<size_t>(what)], by); }
  void observe_latency_ns(uint64_t ns) {
    bump(latency[Histogram::bucket_of(ns)]);
    bump(latency_sum_ns, ns);
  }
  uint64_t get(Count what) const {
    return counts[static_cast<size_t>(what)].load(std::memory_order_relaxed);
  }
};

// One page: 4 KiB, so that writers never share a cache line.
struct alignas(4096) Page {
  // Written by the supervisor, under the segment's sequence lock.
  std::atomic<uint32_t> slot{0};
  std::atomic<uint32_t> generation{0};
  std::atomic<int32_t> pid{0};
  // Written by the worker.
  alignas(64) Counters counters;
};
static_assert(sizeof(Page) == 4096);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

}  // namespace sockherd::stats
