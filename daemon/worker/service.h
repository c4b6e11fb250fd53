// Service: what all connections of one loop share, and the connections themselves.
//
// Owned by the worker (worker.h), outlives every connection. Nothing in it is locked: one loop is
// one thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/date.h"
#include "daemon/http/head_memo.h"
#include "daemon/http/request.h"
#include "daemon/http/response.h"
#include "daemon/io/loop.h"
#include "daemon/stats/page.h"
#include "daemon/sys/load_table.h"
#include "daemon/worker/buffer.h"
#include "daemon/worker/client_names.h"
#include "daemon/worker/conversation_pool.h"
#include "daemon/worker/limits.h"
#include "daemon/worker/place.h"
#include "daemon/worker/router.h"
#include "daemon/worker/web_socket_pool.h"

namespace sockherd::rooms {
class Hub;
}  // namespace sockherd::rooms

namespace sockherd::worker {

class AccessLog;
class Giver;
class Peer;
class Upstreams;
using UpstreamMap = std::map<std::string, std::unique_ptr<Upstreams>>;

// The owner of the open connections; finds and removes one in constant time.
class PeerSet {
 public:
  PeerSet();
  PeerSet(const PeerSet&) = delete;
  PeerSet& operator=(const PeerSet&) = delete;
  ~PeerSet();

  size_t size() const { return peers_.size(); }
  void add(std::unique_ptr<Peer> peer);
  void remove(Peer& peer);  // destroys it

  // drain() for all; again when it has changed whether they can leave.
  void drain_all();

  // The one with the highest place first, so that `visit` may remove the one it is given.
  template <typename Visit>
  void for_each(Visit visit) {
    for (size_t i = peers_.size(); i > 0; --i) visit(*peers_[i - 1]);
  }

 private:
  std::vector<std::unique_ptr<Peer>> peers_;
  std::minstd_rand random_{std::random_device{}()};
};

enum class ServicePhase : uint8_t { Serving, Draining };

struct Service {
  Service(io::Loop& on, const Router& routes, stats::Counters& counts, const Limits& bounds);

  // The Date field of an answer given now; and what one with status 200 begins with.
  std::string_view date() { return dates_.at(unix_seconds()); }
  std::string_view opening() { return openings_.at(unix_seconds()); }

  // The place, at an address that stays: connections remember where they were accepted.
  const Place* remember(const Place& place) { return &*places_.insert(place).first; }

  io::Loop& loop;
  const Router& router;
  stats::Counters& counters;
  const Limits limits;
  ServicePhase phase = ServicePhase::Serving;
  BufferPool buffers;
  ConversationPool conversations;
  WebSocketPool web_sockets;
  http::HeadMemo heads;    // with the head being handled: 4 KiB that no connection has to hold
  std::vector<char> path;  // of that request, decoded
  ClientNames clients;     // of those whose requests are passed on
  PeerSet connections;
  std::map<std::string, sys::LoadTable> loads;  // of listeners whose balance asks for it
  uint32_t background = 0;  // what handlers have under way without a connection; a drain awaits it
  Giver* giver = nullptr;   // as long as a drain may give connections away
  AccessLog* access_log = nullptr;   // where there is one
  rooms::Hub* hub = nullptr;         // the lane's; outlives the connections
  UpstreamMap* upstreams = nullptr;  // the lane's, by key; the same

 private:
  // Of now(). The wall clock is read once a second.
  int64_t unix_seconds() {
    if (loop.now() >= next_second_) [[unlikely]]
      read_wall_clock();
    return unix_seconds_;
  }
  void read_wall_clock();

  std::set<Place> places_;
  http::DateCache dates_;
  http::OpeningCache openings_;
  int64_t unix_seconds_ = 0;
  Instant next_second_;
};

}  // namespace sockherd::worker
