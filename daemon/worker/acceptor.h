// Acceptor: takes connections from one listening socket.
//
// The listener is borrowed in spirit: the supervisor and other workers hold the same open file, so
// it is never shut down, and taken out of the loop before our number is closed. Registered
// level-triggered: what the budget of one wake-up leaves in the queue is reported again. Out of
// descriptors, it gives up a spare one to accept and refuse a connection, so that the loop does not
// spin; out of memory, it pauses. Destroying it lets go of the listener and leaves its queue as it
// is, for whoever holds the socket next.
//
// Where the listener is balanced by load, it publishes the load of its slot (sys/slot_load.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/io/timer_wheel.h"
#include "daemon/sys/slot_load.h"
#include "daemon/worker/place.h"
#include "daemon/worker/service.h"

namespace sockherd::worker {

class Acceptor final : private io::Watcher, private io::Timer {
 public:
  // Called once, when nothing waits in the queue any more; may destroy the acceptor.
  using OnEmptied = std::function<void(Acceptor&)>;

  // listener: a listening socket, TCP or AF_UNIX.
  // on_emptied: where the queue is to be emptied only. It is looked at in the next turn, also when
  // nothing waits.
  static Result<std::unique_ptr<Acceptor>> create(Service& service, Place place, UniqueFd listener,
                                                  OnEmptied on_emptied = {});

  ~Acceptor() override;

  const Place& place() const { return place_; }

  // To be called once a turn: between accepting and this, a connection counts as still under way,
  // so the load is right at every moment, and nothing of it is in the path of a request.
  void publish_load();

  // Accepts what waits in the queue now, then lets go of the listener. What does not fit stays in
  // the queue, for whoever holds the socket next.
  void finish();

 private:
  enum class Outcome : uint8_t { Accepted, Empty, Paused };

  Acceptor(Service& service, Place place, UniqueFd listener, OnEmptied on_emptied);
  void on_ready(io::Events events) override;
  void on_due(Instant now) override;
  UniqueFd accept_connection();
  Outcome accept_one();
  Outcome accept_with_spare();
  Outcome pause();
  void take(UniqueFd fd);
  Result<void> resume();

  Service& service_;
  Place place_;
  const Place* origin_;  // the same, for its connections
  UniqueFd listener_;
  OnEmptied on_emptied_;
  UniqueFd spare_;
  io::Watch watch_;
  io::Events events_ = io::event::kReadable;
  unsigned budget_;  // connections accepted in one wake-up
  sys::SlotLoad* load_ = nullptr;
  bool is_serving_;           // not only emptying
  uint64_t unpublished_ = 0;  // connections accepted since publish_load()
};

}  // namespace sockherd::worker
