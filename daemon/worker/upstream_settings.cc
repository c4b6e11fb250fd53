#include "daemon/worker/upstream_settings.h"

namespace sockherd::worker {

UpstreamSettings UpstreamSettings::of(const config::Pool& pool) {
  return {.max_in_flight = static_cast<uint32_t>(pool.max_in_flight),
          .queue_depth = static_cast<uint32_t>(pool.queue_depth),
          .eject_failures = static_cast<uint32_t>(pool.eject_failures),
          .idle_connections = static_cast<size_t>(pool.upstream_connections),
          .queue_timeout = pool.queue_timeout,
          .request_timeout = pool.request_timeout,
          .connect_timeout = pool.connect_timeout,
          .tunnel_timeout = pool.tunnel_timeout,
          .idle_timeout = pool.upstream_idle,
          .eject_time = pool.eject_time,
          .probe_interval = pool.probe_interval,
          .slow_start = pool.slow_start,
          .probe = pool.probe};
}

}  // namespace sockherd::worker
