// Loop: waits for descriptors and deadlines, and calls who is concerned.
//
// One thread, one loop; everything in it is called from turn(). What waits is a Watch (any
// descriptor) or a Socket (socket.h: a connection, with its reads and writes). How the kernel is
// asked is the engine's: epoll_loop.h, uring_loop.h. Here is what engines share: who waits,
// deadlines, the clock.
//
// An event carries the generation of who waits for it, so an event of something that was closed
// earlier in the same batch finds nobody home. The clock is read once after each wake-up (now()),
// and where somebody asks for a fresh reading (read_clock()).
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/io/spin.h"
#include "daemon/io/timer_wheel.h"
#include "daemon/io/transfer.h"

namespace sockherd::io {

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

  // Calls on_ready(events) in the next turn, before which the loop does not sleep.
  void call_again(Events events);

  // Takes the descriptor out of the kernel's set: needed where others hold the same open file (a
  // listener), because closing our number would leave it there (epoll(7), Q6).
  void end();

 private:
  friend class Loop;
  Watch(Loop* loop, uint32_t index, int fd) : loop_(loop), index_(index), fd_(fd) {}

  Loop* loop_ = nullptr;
  uint32_t index_ = 0;
  int fd_ = -1;
};

enum class Engine : uint8_t { Epoll, IoUring };

class Loop {
 public:
  // Errors: what the kernel says where it has no such engine, or no descriptor left.
  static Result<std::unique_ptr<Loop>> create(Engine engine = Engine::Epoll);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;

  virtual Engine engine() const = 0;

  Result<Watch> watch(int fd, Events events, Watcher& watcher);

  // Waits until something is to be done, at most until `at_the_latest`, and does it.
  void turn(Instant at_the_latest);

  // How long it looks before it sleeps, while traffic is such that this is worth it. 0: never.
  void look_before_sleep(Duration longest) { spin_ = Spin(longest); }

  // The time at which this turn woke up, or of the last read_clock().
  Instant now() const { return now_; }
  Instant read_clock() { return now_ = monotonic_now(); }

  TimerWheel& timers() { return timers_; }

 protected:
  Loop();

  // What an event carries. The upper half is the generation.
  uint64_t tag_of(uint32_t index) const {
    return uint64_t{waiting_[index].generation} << 32 | index;
  }
  uint32_t& state_of(uint32_t index) { return waiting_[index].state; }

  // Whether it is still the same.
  bool is_current(uint64_t tag) const {
    return waiting_[static_cast<uint32_t>(tag)].generation == static_cast<uint32_t>(tag >> 32);
  }

  // Calls who waits there, if it is still the same.
  void dispatch(uint64_t tag, Events events);

  // dispatch() in the next turn, before which the loop does not sleep.
  void dispatch_later(uint64_t tag, Events events) { again_.push_back({tag, events}); }

 private:
  friend class Watch;
  friend class Socket;

  struct Waiting {
    Watcher* watcher = nullptr;
    uint32_t generation = 0;
    uint32_t state = 0;  // the engine's own; 0 at first
  };
  struct Ready {
    uint64_t tag;
    Events events;
  };

  // --- What an engine does. `index` is the place of who waits, `fd` its descriptor.

  // Sleeps until something has come, at most `longest`, and takes it in. Returns whether anything
  // has.
  virtual bool await(Duration longest) = 0;
  // Calls dispatch() for everything that has come.
  virtual void dispatch_all() = 0;

  virtual Result<void> begin_watch(uint32_t index, int fd, Events events) = 0;
  virtual void end_watch(uint32_t index, int fd) = 0;

  // See Socket. A socket that is not watched yet has a place as well.
  virtual bool begin_socket(uint32_t index, int fd) = 0;
  virtual bool release_socket(uint32_t index, int fd) = 0;
  virtual void end_socket(uint32_t index, UniqueFd fd) = 0;  // closes it
  virtual void look(uint32_t index, int fd) = 0;
  virtual Outcome receive(uint32_t index, int fd, std::span<char> room) = 0;
  virtual Outcome send(uint32_t index, int fd, std::string_view bytes, Follows follows) = 0;
  virtual Outcome send_two(uint32_t index, int fd, std::string_view first,
                           std::string_view second) = 0;
  virtual Outcome send_file(uint32_t index, int fd, int file, uint64_t offset, uint64_t count) = 0;

  uint32_t take_place(Watcher* watcher);
  void leave_place(uint32_t index);
  Duration longest_wait(Instant at_the_latest);
  void wait(Duration longest);

  Instant now_;
  TimerWheel timers_;
  Spin spin_{Duration::zero()};
  std::vector<Waiting> waiting_;
  std::vector<uint32_t> free_;  // places in waiting_
  std::vector<Ready> again_;    // for the next turn
  std::vector<Ready> now_again_;
};

}  // namespace sockherd::io
