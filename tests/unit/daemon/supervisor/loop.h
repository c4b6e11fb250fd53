// LoopTest: an sd-event loop, and waiting for something to have happened in it.
#pragma once

#include <gtest/gtest.h>
#include <systemd/sd-event.h>

#include <csignal>
#include <functional>
#include <memory>

#include "daemon/base/clock.h"

namespace sockherd::supervisor {

class LoopTest : public testing::Test {
 protected:
  LoopTest() {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);  // sd-event asks for it
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    sd_event* loop = nullptr;
    EXPECT_GE(::sd_event_new(&loop), 0);
    loop_.reset(loop);
  }

  sd_event* loop() const { return loop_.get(); }

  // Runs the loop until `is_done`; fails after 60 s.
  void run_until(const std::function<bool()>& is_done) {
    const Instant deadline = monotonic_now() + std::chrono::seconds(60);
    while (!is_done()) {
      ASSERT_LT(monotonic_now(), deadline) << "it did not happen";
      ASSERT_GE(::sd_event_run(loop(), 100'000), 0);
    }
  }

  // Runs the loop as long as something is waiting.
  void run_what_waits() {
    while (::sd_event_run(loop(), 0) > 0) {
    }
  }

 private:
  struct Unref {
    void operator()(sd_event* loop) const { ::sd_event_unref(loop); }
  };
  std::unique_ptr<sd_event, Unref> loop_;
};

}  // namespace sockherd::supervisor
