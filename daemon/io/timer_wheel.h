// TimerWheel: many deadlines, cheap to set and to cancel; few of them ever come due.
//
// Four levels of 64 slots, 1 ms a tick at the lowest: inserting, cancelling and finding the next
// wake-up are a handful of instructions whatever the number of timers. A deadline never fires
// early, and at most one tick late; beyond 4.6 hours it is looked at again on the way. A timer is a
// member (or base) of what waits; the wheel owns nothing. Pure: the time is an argument.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "daemon/base/instant.h"

namespace sockherd::io {

class TimerWheel;

namespace detail {
struct TimerNode {
  TimerNode* next = this;
  TimerNode* previous = this;

  bool is_linked() const { return next != this; }
  void unlink();
  void append(TimerNode& node);
};
}  // namespace detail

class Timer : private detail::TimerNode {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool is_armed() const { return is_linked(); }

  // Requires: is_armed(). Whether that is for `due`, to a tick, or earlier.
  bool fires_by(Instant due) const;
  void cancel();

 protected:
  virtual ~Timer();  // virtual for the compiler's sake: the wheel is a friend

  // The deadline has come; the timer is not armed any more. May arm, cancel or destroy this timer
  // and any other.
  virtual void on_due(Instant now) = 0;

 private:
  friend class TimerWheel;
  TimerWheel* wheel_ = nullptr;
  uint64_t tick_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(Instant now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Arms `timer` for `due`, wherever it stood before. What is overdue fires at the next tick.
  void arm(Timer& timer, Instant due);

  // Fires all that is due at `now`, in the order of their ticks.
  void advance(Instant now);

  // When to call advance() next at the latest; nothing if no timer is armed. May be early: then
  // advance() only moves timers to a lower level.
  std::optional<Instant> next_wake_up() const;

 private:
  friend class Timer;
  static constexpr unsigned kBits = 6;
  static constexpr uint64_t kSlots = uint64_t{1} << kBits;
  static constexpr unsigned kLevels = 4;
  static constexpr uint64_t kSpan = uint64_t{1} << (kBits * kLevels);

  void insert(Timer& timer);
  void forget_if_empty(const detail::TimerNode& head);
  std::optional<uint64_t> next_tick() const;
  void cascade(unsigned level, uint64_t tick);
  void fire(uint64_t tick, Instant now);

  uint64_t current_ = 0;  // all ticks up to this one have fired
  std::array<uint64_t, kLevels> occupied_{};
  std::array<detail::TimerNode, kLevels * kSlots> heads_;
};

}  // namespace sockherd::io
