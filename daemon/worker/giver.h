// Giver: hands the idle connections of a worker that drains to the supervisor, which finds another
// worker for them (daemon/contract/message.h, Move and Give). Their clients notice nothing, while
// closing a connection that is idle can always cross a request (RFC 9112 section 9.5).
//
// A connection stays with us, and is served, until its socket is on the way: what cannot be sent
// now is tried again, as long as the drain lasts. Part of Errands, whose socket it borrows.
#pragma once

#include "daemon/io/timer_wheel.h"
#include "daemon/worker/place.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Giver final : private io::Timer {
 public:
  Giver(Service& service, int control) : service_(service), control_(control) {}
  ~Giver() override { service_.giver = nullptr; }

  // Connections may be given away from now on: Service::giver is this object. A worker that drains
  // already gives those that are idle.
  void begin();

  // Nobody takes them any more. A worker that drains ends those that are idle by itself, in the
  // next turn.
  void end();

  // Nothing can be given just now.
  bool is_blocked() const { return is_blocked_; }

  // Sends a copy of a connected socket; where that has gone well, the caller must not touch the
  // connection any more. Otherwise nothing has happened, and it is tried again or end() called.
  bool give(int fd, const Place& origin);

  bool has_given() const { return has_given_; }

  // Whether the supervisor has not read all yet. Until it has read what was given, the worker must
  // live: its end would overtake what it has sent (ECONNRESET), and an answer could not reach it.
  bool has_unread() const;

 private:
  void on_due(Instant now) override;

  Service& service_;
  int control_;  // borrowed
  bool is_blocked_ = false;
  bool has_given_ = false;
};

}  // namespace sockherd::worker
