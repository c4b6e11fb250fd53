#include "daemon/worker/limits.h"

#include <algorithm>

#include "daemon/worker/file_cache.h"

namespace sockherd::worker {
namespace {

// Listeners, the loop, statistics, files being sent, and those that are kept open.
constexpr size_t kReservedDescriptors = 64 + FileCache::kMaxDescriptors;

WebSocketLimits web_socket_limits(const config::Limits& from) {
  return {.max_message_bytes = static_cast<uint64_t>(from.max_message_size),
          .buffer_bytes = static_cast<size_t>(from.websocket_buffer),
          .slow = from.websocket_slow == "drop"    ? SlowPolicy::Drop
                  : from.websocket_slow == "close" ? SlowPolicy::Close
                                                   : SlowPolicy::Wait,
          .ping = from.websocket_ping,
          .timeout = from.websocket_timeout,
          .close_timeout = from.websocket_close_timeout,
          .drain = from.websocket_drain,
          .deflate = from.websocket_deflate};
}

}  // namespace

Limits Limits::create(const config::Limits& from, size_t descriptors, Proxies proxies) {
  const size_t all =
      descriptors > 2 * kReservedDescriptors ? descriptors - kReservedDescriptors : descriptors / 2;
  const size_t room = proxies == Proxies::Some ? all / 2 : all;
  const auto wanted = static_cast<size_t>(from.max_connections);
  Limits limits;
  limits.head.max_bytes = static_cast<size_t>(from.max_header_size);
  limits.head.max_target_bytes = static_cast<size_t>(from.max_target_size);
  limits.head.max_fields = static_cast<size_t>(from.max_header_fields);
  limits.max_connections = wanted == 0 ? room : std::min(wanted, room);
  // Twice as many, since it is idle ones that come; but never the last descriptor.
  limits.most_adopted = std::min(2 * limits.max_connections, all + kReservedDescriptors / 2);
  limits.max_body_bytes = static_cast<uint64_t>(from.max_body_size);
  limits.header_timeout = from.header_timeout;
  limits.body_timeout = from.body_timeout;
  limits.write_timeout = from.write_timeout;
  limits.keepalive_timeout = from.keepalive_timeout;
  const Duration grace = from.rate_grace;
  limits.body_rate = {static_cast<uint64_t>(from.min_body_rate), grace};
  limits.read_rate = {static_cast<uint64_t>(from.min_read_rate), grace};
  limits.connection_requests = static_cast<uint32_t>(from.max_connection_requests);
  limits.drain_idle = from.drain_idle;
  limits.drain_spread = from.drain_spread;
  limits.web_socket = web_socket_limits(from);
  return limits;
}

size_t Limits::block_bytes() const {
  constexpr size_t kLeast = size_t{32} * 1024;
  constexpr size_t kPage = 4096;
  const size_t wanted = std::max(kLeast, head.max_bytes + head.max_target_bytes + 2 * kPage);
  return (wanted + kPage - 1) / kPage * kPage;
}

}  // namespace sockherd::worker
