// ConnectionRelay: brings the idle connections of a worker that drains to one that serves on, so
// that a drain closes nothing that a client could be writing to (daemon/contract/message.h, Move).
//
// Only descriptors pass; no byte of a client is read. A taker is a worker that new connections of
// the same pool are steered to, and that has the listener: that of the connection's slot before
// others, those in turn. It ends, because a worker is no taker any more before it is told to drain.
//
// Nothing blocks, and nothing piles up: while all takers have enough to read, the giver's packets
// wait in its socket, where they also survive this process. In our hands is one connection a giver
// at most, and only where a taker failed at the last moment. While a pool has no taker (its last
// worker has crashed) its givers wait for one. Where nobody will come (at the end of the pool, or
// of the listener) the giver gets the connection back, and ends it itself. Hands owns the processes
// and says who they are.
#pragma once

#include <systemd/sd-event.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "daemon/contract/message.h"
#include "daemon/fleet/event.h"
#include "daemon/supervisor/watch.h"

namespace sockherd::supervisor {

class ConnectionRelay {
 public:
  // A worker with a control socket.
  struct Peer {
    std::string pool;
    uint32_t slot = 0;
    std::vector<std::string> listeners;                    // keys of their groups
    std::map<std::string, std::vector<uint32_t>> sockets;  // numbers of its own, by that key
    int control = -1;                                      // borrowed
    // After may_take_message() was false. It is called again if it fails.
    std::function<bool()> listen_again;
  };

  explicit ConnectionRelay(sd_event* loop) : loop_(loop) {}
  ConnectionRelay(const ConnectionRelay&) = delete;
  ConnectionRelay& operator=(const ConnectionRelay&) = delete;

  void add(fleet::WorkerId id, Peer peer);
  void remove(fleet::WorkerId id);

  // Who serves the pool. Nobody: it ends, and nobody will come.
  void set_takers(const std::string& pool, std::vector<fleet::WorkerId> takers);

  // The worker is about to be told to drain: tells it before that it may give, unless its pool
  // ends. Its successor may be named right after this, or not be ready yet.
  void prepare(fleet::WorkerId id);

  // Of WorkerProcess::Callbacks.
  bool may_take_message(fleet::WorkerId id);
  void on_message(fleet::WorkerId id, const contract::Message& message, UniqueFd fd);

 private:
  struct Connection {
    contract::Message given;
    UniqueFd fd;
  };
  struct Known {
    fleet::WorkerId id = 0;
    Peer peer;
    std::optional<Connection> held;
  };
  struct Pool {
    std::vector<fleet::WorkerId> takers;
    size_t turn = 0;
    bool is_ending = false;
  };
  enum class Outcome : uint8_t { Placed, Later, Nobody };

  bool has_taker(fleet::WorkerId giver, const Pool& pool) const;
  std::vector<const Peer*> takers_for(const Known& giver, const contract::Message& given);
  Outcome place(const Known& giver, const Connection& connection);
  void settle(Known& giver, Connection connection);
  void hand_back(const Peer& giver, const Connection& connection);
  void wait(fleet::WorkerId giver);
  void go_on();

  sd_event* loop_;
  std::map<fleet::WorkerId, Known> known_;
  std::vector<Known> gone_;  // givers that have ended, with what is held of them
  std::map<std::string, Pool> pools_;
  std::set<fleet::WorkerId> waiting_;
  Watch timer_;
  bool has_complained_ = false;
};

}  // namespace sockherd::supervisor
