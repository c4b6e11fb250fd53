// Uring: one io_uring(7), with the buffers that it receives into.
//
// Used by one thread, which is the first that enters it. What completes does so within enter()
// (IORING_SETUP_DEFER_TASKRUN, Linux 6.1): the kernel never touches a socket or a buffer behind our
// back, and never interrupts us. Knows nothing of what is asked; that is uring_loop.h.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/base/instant.h"
#include "daemon/base/result.h"

namespace sockherd::io {

struct UringSizes {
  unsigned entries = 512;  // to be submitted at once
  unsigned completions = 4096;
  uint16_t buffers = 256;  // a power of two
  // The kernel fills up to 32 buffers of one socket before we hear of the first: this bounds what
  // one client can have here without being read. Most heads of requests fit.
  uint32_t buffer_bytes = 2048;
};

struct UringUnmap {
  size_t bytes = 0;
  void operator()(void* memory) const;
};

class Uring {
 public:
  // Errors: ENOSYS, EPERM (kernel.io_uring_disabled, seccomp), EINVAL (a kernel before 6.1),
  // ENOMEM.
  static Result<std::unique_ptr<Uring>> create(const UringSizes& sizes);
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;
  ~Uring();

  // An entry to be prepared by the caller, in the order of which the kernel begins.
  io_uring_sqe& add();

  // Submits what was added, without waiting for it.
  void submit();

  // Submits what was added, does what is due, and waits until anything has completed, at most
  // `longest`.
  void enter(Duration longest);

  // Whether enter() would find anything to do now; without a system call.
  bool has_work() const;

  // Calls on_completion(const io_uring_cqe&) for all that has completed. It may add().
  template <typename OnCompletion>
  void take(OnCompletion on_completion) {
    do {
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* cqe = nullptr;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        on_completion(const_cast<const io_uring_cqe&>(*cqe));
        ++count;
      }
      io_uring_cq_advance(&ring_, count);
    } while (takes_overflow());
  }

  // The group of buffers, for io_uring_sqe::buf_group.
  static constexpr uint16_t kGroup = 0;
  std::string_view bytes(uint16_t buffer, size_t count) const {
    return {memory_.get() + size_t{buffer} * sizes_.buffer_bytes, count};
  }
  // The kernel may fill it again.
  void give_back(uint16_t buffer);

 private:
  explicit Uring(const UringSizes& sizes) : sizes_(sizes) {}
  Result<void> open();
  Result<void> provide_buffers();
  void enable();
  bool takes_overflow();

  UringSizes sizes_;
  io_uring ring_{};
  bool is_open_ = false;
  bool is_enabled_ = false;
  std::unique_ptr<io_uring_buf_ring, UringUnmap> free_;
  std::unique_ptr<char[]> memory_;  // of all buffers; paged in where used
};

}  // namespace sockherd::io
