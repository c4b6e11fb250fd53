#include "daemon/worker/buses.h"

#include <memory>
#include <string>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/config/bus_url.h"
#include "daemon/rooms/redis_bus.h"
#include "daemon/rooms/shared_bus.h"
#include "daemon/sys/random.h"

namespace sockherd::worker {
namespace {

using contract::BusFile;
using rooms::RedisBus;

Result<BusFile::Instance> join_shared(const config::Pool& pool, Launch::Bus& shared, io::Loop& loop,
                                      rooms::Hub& hub, stats::Counters& counters) {
  // A lane alone is a pool of its own.
  if (!shared.file) return BusFile::Instance{sys::random_number(), sys::random_number()};
  auto joined = rooms::SharedBus::create({.file = std::move(shared.file),
                                          .bell = std::move(shared.bell),
                                          .seat = shared.seat,
                                          .ring_bytes = static_cast<uint64_t>(pool.bus_buffer)},
                                         loop, hub, counters);
  if (!joined.ok()) return Error{kExitUsage, "sockherd.bus: " + joined.error().what};
  const BusFile::Instance instance = joined.value()->instance();
  hub.add(std::move(joined).value());
  return instance;
}

const char* remedy(const std::string& why) {
  if (why.starts_with("NOAUTH") || why.starts_with("WRONGPASS") || why.starts_with("ERR AUTH") ||
      why.starts_with("ERR invalid password") || why.starts_with("ERR Client sent AUTH")) {
    return "set user and password in bus: redis://USER:PASSWORD@ADDRESS";
  }
  if (why.starts_with("NOPERM")) {
    return "allow this user PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PING, SELECT and the channels "
           "sockherd:*";
  }
  if (why.starts_with("connect:")) return "check that Redis listens there";
  return "none: it is tried again";
}

// One thread speaks for the worker: all have the same to say.
std::function<void(RedisBus::Event, const std::string&)> logger(const config::Pool& pool,
                                                                const Identity& identity) {
  if (identity.thread != 0) return [](RedisBus::Event, const std::string&) {};
  return [bus = config::redacted(pool.bus), slot = identity.slot](RedisBus::Event event,
                                                                  const std::string& why) {
    switch (event) {
      case RedisBus::Event::Up:
        return log::notice("bus-connected", {{"slot", slot}, {"bus", bus}});
      case RedisBus::Event::Down:
        return log::warn("bus-lost", {{"slot", slot},
                                      {"bus", bus},
                                      {"why", why},
                                      {"remedy", remedy(why)},
                                      {"next", "rooms go on within this machine"}});
      case RedisBus::Event::QueueFull:
        return log::warn("bus-queue-full", {{"slot", slot},
                                            {"bus", bus},
                                            {"next", "messages stay on this machine; counted"},
                                            {"remedy", "see bus_queue"}});
    }
  };
}

}  // namespace

Result<void> join_buses(const config::Pool& pool, const Identity& identity, Launch::Bus shared,
                        io::Loop& loop, rooms::Hub& hub, stats::Counters& counters) {
  const BusFile::Instance instance = TRY(join_shared(pool, shared, loop, hub, counters));
  if (pool.bus.empty()) return {};
  auto url = config::parse_bus_url(pool.bus);
  if (!url.ok()) return Error{kExitConfiguration, "bus: " + url.error().what};
  auto address = sys::SocketAddress::parse(url->address);
  if (!address.ok()) return Error{kExitConfiguration, "bus: " + address.error().what};
  hub.add(std::make_unique<RedisBus>(RedisBus::Setup{.server = {.address = address.value(),
                                                                .user = url->user,
                                                                .password = url->password,
                                                                .database = url->database},
                                                     .pool = pool.name,
                                                     .queue = static_cast<size_t>(pool.bus_queue),
                                                     .instance = instance,
                                                     .on_event = logger(pool, identity)},
                                     loop, hub, counters));
  return {};
}

}  // namespace sockherd::worker
