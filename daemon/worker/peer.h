// Peer: a client as Service::connections has it, whatever is spoken with it: its socket, its place
// there, and its part in a drain. HTTP is connection.h, a WebSocket web_socket_connection.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/io/socket.h"
#include "daemon/io/timer_wheel.h"

namespace sockherd::worker {

struct Service;

class Peer : protected io::Watcher, protected io::Timer {
 public:
  // The worker drains, or it has changed what becomes of those that do not end by themselves. May
  // destroy this.
  // spread: 0..1, so that clients do not all come back in the same instant.
  virtual void drain(double spread) = 0;

  size_t place() const { return place_; }
  void set_place(size_t place) { place_ = static_cast<uint32_t>(place); }

 protected:
  Peer(Service& service, io::Socket socket) : service_(service), socket_(std::move(socket)) {}

  Service& service_;
  io::Socket socket_;

 private:
  friend class PeerSet;
  uint32_t place_ = 0;
};

}  // namespace sockherd::worker
