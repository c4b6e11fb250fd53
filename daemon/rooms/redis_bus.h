// RedisBus: carries rooms to other machines by publish and subscribe of a Redis, which keeps
// nothing: one connection of each lane to publish, one to subscribe; a channel for each room that
// somebody here hears, sockherd:POOL:ROOM.
//
// Never waits. While Redis is away or slow, what is published waits in a bounded queue (outbox.h)
// and is sent again until it is confirmed; what does not find room there is lost and counted here.
// Redis itself delivers at most once: whoever is not connected at that moment misses it, and counts
// that by the numbers of the messages (numbering.h); where the connection was lost, it asks the
// senders how far they are, so that what was last is counted as well. So of what was published and
// has not come, every message is in exactly one counter.
//
// What lanes of this machine say comes by the SharedBus; when it comes back from Redis, it is known
// by the instance of the pool and passed over.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "daemon/contract/bus_file.h"
#include "daemon/io/loop.h"
#include "daemon/rooms/bus.h"
#include "daemon/rooms/hub.h"
#include "daemon/rooms/numbering.h"
#include "daemon/rooms/outbox.h"
#include "daemon/rooms/parcel.h"
#include "daemon/rooms/redis_link.h"
#include "daemon/stats/page.h"

namespace sockherd::rooms {

class RedisBus final : public Bus {
 public:
  enum class Event : uint8_t { Up, Down, QueueFull };
  struct Setup {
    RedisServer server;
    std::string pool;
    size_t queue = 0;                        // messages
    contract::BusFile::Instance instance{};  // of the pool on this machine
    // For the log. Down once for each reason, until it has stood for a while; Up after one that was
    // told; QueueFull once an outage.
    std::function<void(Event, const std::string& why)> on_event;
  };
  static constexpr size_t kMostQueuedBytes = size_t{64} << 20;
  // Of rooms that begin and end while Redis reads nothing; behind all that there were at first.
  static constexpr size_t kMostUnsentAsks = size_t{16} << 20;

  // hub, loop: outlive this.
  RedisBus(Setup setup, io::Loop& loop, Hub& hub, stats::Counters& counters);
  ~RedisBus() override;

  void publish(std::string_view room, const Message& message) override;
  void begin(std::string_view room) override;
  void end(std::string_view room) override;
  void end_turn() override;
  bool is_under_way() const override;

 private:
  void pump();
  bool post(std::string_view room, ParcelType type, MessageNumber number, std::string_view payload);
  void subscribe();
  void bound_asks();
  void tell_down(const std::string& why);
  std::string channel_of(std::string_view room) const { return prefix_ + std::string(room); }
  void on_link(bool is_up, const std::string& why);
  void on_published(const redisReply& reply);
  void on_pushed(const redisReply& reply);
  void on_subscribed(std::string_view room);
  void on_message(std::string_view room, std::string_view bytes);
  void deliver(std::string_view room, const Parcel& parcel);

  Setup setup_;
  std::string prefix_;
  Hub& hub_;
  stats::Counters& counters_;
  uint64_t us_;  // this lane, as a sender
  SentNumbers sent_;
  HeardNumbers heard_;
  Outbox outbox_;
  std::set<std::string, std::less<>> rooms_;  // that somebody here hears
  std::set<std::string, std::less<>> asks_;   // rooms that we may have missed something in
  std::set<std::string, std::less<>> marks_;  // rooms in which somebody asks us
  std::set<std::string, std::less<>> known_;  // that were subscribed to before; "" for asks
  io::Loop& loop_;
  size_t first_asks_bytes_ = 0;  // of all rooms, when it came up
  bool is_connected_ = false;
  bool was_full_ = false;  // in this outage
  bool is_told_down_ = true;
  Instant connected_at_;
  std::set<std::string, std::less<>> told_;  // why it was lost, lately
  RedisLink publisher_;
  RedisLink subscriber_;
};

}  // namespace sockherd::rooms
