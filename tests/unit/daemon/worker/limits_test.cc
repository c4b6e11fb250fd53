#include "daemon/worker/limits.h"

#include <gtest/gtest.h>

#include "daemon/config/load.h"
#include "daemon/worker/upstream_settings.h"

namespace sockherd::worker {
namespace {

TEST(Limits, LeaveADescriptorForEachRequestThatIsPassedOn) {
  const size_t alone = Limits::create({}, 4096, Limits::Proxies::None).max_connections;
  const Limits before = Limits::create({}, 4096, Limits::Proxies::Some);
  EXPECT_EQ(before.max_connections, alone / 2);
  EXPECT_LT(before.most_adopted, size_t{4096});
}

TEST(Limits, TakeTheNumberThatIsConfiguredWhereThereIsRoom) {
  config::Limits from;
  from.max_connections = 100;
  EXPECT_EQ(Limits::create(from, 4096, Limits::Proxies::Some).max_connections, size_t{100});
  from.max_connections = 4000;
  EXPECT_LT(Limits::create(from, 4096, Limits::Proxies::Some).max_connections, size_t{2048});
}

// Tests and users have the same ones.
TEST(Limits, AreThoseOfTheOptionTableWhereNothingIsSaid) {
  const config::Loaded loaded = config::load(config::sample(), "sample");
  ASSERT_TRUE(loaded.config.has_value());
  const config::Pool& pool = loaded.config->pools.front();
  const Limits table = Limits::create(pool.limits, 1 << 20, Limits::Proxies::None);
  const Limits ours;
  EXPECT_EQ(ours.head.max_bytes, table.head.max_bytes);
  EXPECT_EQ(ours.head.max_target_bytes, table.head.max_target_bytes);
  EXPECT_EQ(ours.head.max_fields, table.head.max_fields);
  EXPECT_EQ(ours.max_body_bytes, table.max_body_bytes);
  EXPECT_EQ(ours.header_timeout, table.header_timeout);
  EXPECT_EQ(ours.body_timeout, table.body_timeout);
  EXPECT_EQ(ours.write_timeout, table.write_timeout);
  EXPECT_EQ(ours.keepalive_timeout, table.keepalive_timeout);
  EXPECT_EQ(ours.body_rate.bytes_per_second, table.body_rate.bytes_per_second);
  EXPECT_EQ(ours.body_rate.grace, table.body_rate.grace);
  EXPECT_EQ(ours.read_rate.bytes_per_second, table.read_rate.bytes_per_second);
  EXPECT_EQ(ours.read_rate.grace, table.read_rate.grace);
  EXPECT_EQ(ours.connection_requests, table.connection_requests);
  EXPECT_EQ(ours.drain_idle, table.drain_idle);
  EXPECT_EQ(ours.drain_spread, table.drain_spread);
  EXPECT_EQ(ours.web_socket.max_message_bytes, table.web_socket.max_message_bytes);
  EXPECT_EQ(ours.web_socket.buffer_bytes, table.web_socket.buffer_bytes);
  EXPECT_EQ(ours.web_socket.slow, table.web_socket.slow);
  EXPECT_EQ(ours.web_socket.ping, table.web_socket.ping);
  EXPECT_EQ(ours.web_socket.timeout, table.web_socket.timeout);
  EXPECT_EQ(ours.web_socket.close_timeout, table.web_socket.close_timeout);
  EXPECT_EQ(ours.web_socket.drain, table.web_socket.drain);
  EXPECT_EQ(ours.web_socket.deflate, table.web_socket.deflate);
}

TEST(UpstreamSettings, AreThoseOfTheOptionTableWhereNothingIsSaid) {
  const config::Loaded loaded = config::load(config::sample(), "sample");
  ASSERT_TRUE(loaded.config.has_value());
  const UpstreamSettings table = UpstreamSettings::of(loaded.config->pools.front());
  const UpstreamSettings ours;
  EXPECT_EQ(ours.max_in_flight, table.max_in_flight);
  EXPECT_EQ(ours.queue_depth, table.queue_depth);
  EXPECT_EQ(ours.eject_failures, table.eject_failures);
  EXPECT_EQ(ours.idle_connections, table.idle_connections);
  EXPECT_EQ(ours.queue_timeout, table.queue_timeout);
  EXPECT_EQ(ours.request_timeout, table.request_timeout);
  EXPECT_EQ(ours.connect_timeout, table.connect_timeout);
  EXPECT_EQ(ours.tunnel_timeout, table.tunnel_timeout);
  EXPECT_EQ(ours.idle_timeout, table.idle_timeout);
  EXPECT_EQ(ours.eject_time, table.eject_time);
  EXPECT_EQ(ours.probe_interval, table.probe_interval);
  EXPECT_EQ(ours.slow_start, table.slow_start);
  EXPECT_EQ(ours.probe, table.probe);
}

}  // namespace
}  // namespace sockherd::worker
