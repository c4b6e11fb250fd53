// HostTimer: a timer of a module, on the loop's wheel.
#pragma once

#include <sockherd/app.h>

#include <chrono>
#include <functional>
#include <memory>

#include "daemon/io/loop.h"
#include "daemon/io/timer_wheel.h"

namespace sockherd::module {

class HostTimer final : public app::Timer,
                        private io::Timer,
                        public std::enable_shared_from_this<HostTimer> {
 public:
  using Over = std::function<void(const std::shared_ptr<HostTimer>&)>;

  // interval: 0 = once. over: told once when it fires no more, and may let go of it.
  HostTimer(io::Loop& loop, Duration interval, std::function<void()> call, Over over)
      : loop_(loop), interval_(interval), call_(std::move(call)), over_(std::move(over)) {}

  void start(Duration delay) { loop_.timers().arm(*this, loop_.now() + delay); }

  void cancel() override {
    const auto self = shared_from_this();
    cancel_now();
    if (over_) std::exchange(over_, nullptr)(self);
  }
  void cancel_now() {
    io::Timer::cancel();
    is_cancelled_ = true;
  }

 private:
  // What it has missed it does not make up for.
  void on_due(Instant now) override {
    const auto self = shared_from_this();
    if (interval_ > Duration::zero()) loop_.timers().arm(*this, now + interval_);
    call_();
    if (interval_ == Duration::zero() && !is_cancelled_) cancel();
  }

  io::Loop& loop_;
  Duration interval_;
  std::function<void()> call_;
  Over over_;
  bool is_cancelled_ = false;
};

}  // namespace sockherd::module
