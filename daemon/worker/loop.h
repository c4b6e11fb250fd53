// Loop: waits for descriptors and deadlines, and calls who is concerned. The epoll side.
//
// One thread, one loop; everything in it is called from turn(). An event carries the generation of
// its watch, so an event of something that was closed earlier in the same batch finds nobody home.
// The clock is read once after each wake-up (now()), and where somebody asks for a fresh reading
// (read_clock()). A loop on io_uring would replace this and io.h.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/worker/timer_wheel.h"

namespace sockherd::worker {

class Loop;

// What to wait for, and what has come: a set of these.
using Events = uint32_t;
namespace event {
inline constexpr Events kReadable = EPOLLIN;
inline constexpr Events kWritable = EPOLLOUT;
inline constexpr Events kPeerClosed = EPOLLRDHUP;
inline constexpr Events kBroken = EPOLLERR | EPOLLHUP;  // always reported
inline constexpr Events kEdge = EPOLLET;                // report changes, not states
inline constexpr Events kOneOfMany = EPOLLEXCLUSIVE;    // wake one of the processes that wait
}  // namespace event

class Watcher {
 public:
  // May destroy this watcher and any other.
  virtual void on_ready(Events events) = 0;

 protected:
  ~Watcher() = default;
};

// Watch: the registration of one descriptor; ends it when destroyed. Neither the descriptor nor the
// watcher is owned.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept;
  Watch& operator=(Watch&& other) noexcept;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { end(); }

  explicit operator bool() const { return loop_ != nullptr; }

  // Waits for other events from now on; what is the case already is reported once more.
  void change(Events events);

  // Calls on_ready(events) in the next turn, before which the loop does not sleep.
  void call_again(Events events);

  // Takes the descriptor out of the kernel's set: needed where others hold the same open file (a
  // listener), because closing our number would leave it there (epoll(7), Q6).
  void end();

  // Ends the watch without a system call, for a descriptor that nobody else holds and that is
  // closed right after: closing takes it out.
  void end_by_close();

 private:
  friend class Loop;
  Watch(Loop* loop, uint32_t index, int fd) : loop_(loop), index_(index), fd_(fd) {}

  Loop* loop_ = nullptr;
  uint32_t index_ = 0;
  int fd_ = -1;
};

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> create();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Result<Watch> watch(int fd, Events events, Watcher& watcher);

  // Waits until something is to be done, at most until `at_the_latest`, and does it.
  void turn(Instant at_the_latest);

  // The time at which this turn woke up, or of the last read_clock().
  Instant now() const { return now_; }
  Instant read_clock() { return now_ = monotonic_now(); }

  TimerWheel& timers() { return timers_; }

 private:
  friend class Watch;
  struct Entry {
    Watcher* watcher = nullptr;
    uint32_t generation = 0;
  };

  explicit Loop(UniqueFd epoll);
  uint64_t tag_of(uint32_t index) const {
    return uint64_t{entries_[index].generation} << 32 | index;
  }
  void forget(uint32_t index);
  int wait_ms(Instant at_the_latest);
  void dispatch(uint64_t tag, Events events);

  UniqueFd epoll_;
  Instant now_;
  TimerWheel timers_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  std::vector<epoll_event> again_;  // from call_again(), for the next turn
  std::array<epoll_event, 512> events_;
};

}  // namespace sockherd::worker
