// Thread: the one owner of a thread; waits for its end when destroyed.
#pragma once

#include <pthread.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/result.h"

namespace sockherd::sys {

class [[nodiscard]] Thread {
 public:
  // Runs `body` in a thread of its own. It inherits the mask of signals and the CPUs of its maker.
  //
  // name: at most 15 bytes, as ps(1) and top(1) show it. Errors: EAGAIN, out of threads or memory.
  static Result<Thread> start(const std::string& name, std::function<void()> body);

  Thread() = default;
  Thread(Thread&& other) noexcept : handle_(std::exchange(other.handle_, std::nullopt)) {}
  Thread& operator=(Thread&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { join(); }

  // Waits until body has returned.
  void join();

 private:
  std::optional<pthread_t> handle_;
};

}  // namespace sockherd::sys
