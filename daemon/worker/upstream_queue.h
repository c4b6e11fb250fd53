// UpstreamQueue: the requests of a lane that wait for a place behind the proxy, in order.
//
// Bounded over all lanes (queue_depth) and in time (queue_timeout). A place that becomes free here
// is taken at once; one that becomes free in another lane is told by the bell, an eventfd that all
// lanes share. Who has waited longest goes first, also between lanes (to kHandicap). Because bells
// can be missed (a lane dies, a supervisor is away), a lane that waits looks by itself, too.
#pragma once

#include <cstddef>
#include <cstdint>

#include "daemon/base/instant.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/loop.h"
#include "daemon/io/timer_wheel.h"
#include "daemon/stats/page.h"
#include "daemon/worker/upstream_choice.h"

namespace sockherd::worker {

// One that waits; leaves the queue when it is destroyed.
class UpstreamWaiter {
 public:
  UpstreamWaiter() = default;
  UpstreamWaiter(const UpstreamWaiter&) = delete;
  UpstreamWaiter& operator=(const UpstreamWaiter&) = delete;

  bool is_waiting() const { return next_ != nullptr; }

 protected:
  virtual ~UpstreamWaiter() = default;

 private:
  friend class UpstreamQueue;

  // It has left the queue; the place is counted for it.
  virtual void on_place(UpstreamTarget& target) = 0;
  virtual void on_queue_timeout() = 0;

  UpstreamWaiter* next_ = nullptr;
  UpstreamWaiter* previous_ = nullptr;
  Instant since_;
};

class UpstreamQueue final : private io::Timer, private io::Watcher {
 public:
  // bell: empty where the lane is alone.
  UpstreamQueue(io::Loop& loop, stats::Counters& counters, UpstreamChoice& choice,
                const UpstreamSettings& settings, UniqueFd bell);
  ~UpstreamQueue();

  // Returns false where as many wait as may.
  bool join(UpstreamWaiter& waiter);
  void leave(UpstreamWaiter& waiter);
  size_t size() const { return size_; }

  // Something has become free here: for who waits here, or in another lane.
  void serve();

 private:
  enum class Turn : uint8_t {
    InOrder,  // others may come first, and are told
    Heard,    // others may come first, and know
    Now,
  };

  void on_due(Instant now) override;
  void on_ready(io::Events events) override;
  void serve(Turn turn, Instant now);
  bool others_are_first(Instant now) const;
  void expire(Instant now);
  void publish();
  void ring() const;

  io::Loop& loop_;
  stats::Counters& counters_;
  UpstreamChoice& choice_;
  const UpstreamSettings& settings_;
  UniqueFd bell_;
  io::Watch bell_watch_;  // while somebody waits
  UpstreamWaiter* first_ = nullptr;
  UpstreamWaiter* last_ = nullptr;
  size_t size_ = 0;
  bool is_serving_ = false;
};

}  // namespace sockherd::worker
