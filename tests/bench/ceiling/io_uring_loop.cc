// Multishot accept, multishot recv into a ring of provided buffers, sends without a completion, and
// one io_uring_enter for all of them. Task work is deferred to that call (DEFER_TASKRUN).
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tests/bench/ceiling/loops.h"

namespace sockherd::ceiling {
namespace {

constexpr unsigned kEntries = 1024;      // of the submission queue
constexpr unsigned kCompletions = 8192;  // of the completion queue
constexpr unsigned kBuffers = 1024;  // a power of two; a page of 4 KiB is touched only when used
constexpr unsigned kBufferBytes = 4096;
constexpr int kGroup = 0;

enum class Operation : uint64_t { Accept, Receive, Send, Close };

uint64_t tag(Operation operation, int fd) {
  return static_cast<uint64_t>(fd) << 8 | static_cast<uint64_t>(operation);
}

int open_ring(io_uring& ring) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  params.cq_entries = kCompletions;
  return ::io_uring_queue_init_params(kEntries, &ring, &params);
}

bool complain(int error) {
  std::fprintf(stderr, "sockherd-ceiling: io_uring: %s\n", std::strerror(-error));
  return false;
}

class Server {
 public:
  Server(int listener, const Options& options)
      : listener_(listener), after_(options.after), answer_(options) {}

  // Returns 0, or the negative error of the step that failed.
  int start() {
    if (const int error = open_ring(ring_)) return error;
    return provide_buffers();
  }

  void run() {
    accept_more();
    for (;;) {
      ::io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0;
      unsigned seen = 0;
      io_uring_cqe* entry = nullptr;
      io_uring_for_each_cqe(&ring_, head, entry) {
        on_completion(*entry);
        ++seen;
      }
      ::io_uring_cq_advance(&ring_, seen);
    }
  }

 private:
  static void* pages(size_t size) {
    return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }

  int provide_buffers() {
    void* ring = pages(kBuffers * sizeof(io_uring_buf));
    void* memory = pages(size_t{kBuffers} * kBufferBytes);
    if (ring == MAP_FAILED || memory == MAP_FAILED) return -ENOMEM;
    buffers_ = static_cast<io_uring_buf_ring*>(ring);
    memory_ = static_cast<char*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(ring);
    registration.ring_entries = kBuffers;
    registration.bgid = kGroup;
    if (const int error = ::io_uring_register_buf_ring(&ring_, &registration, 0)) return error;
    ::io_uring_buf_ring_init(buffers_);
    for (unsigned id = 0; id < kBuffers; ++id) add_buffer(id, static_cast<int>(id));
    ::io_uring_buf_ring_advance(buffers_, kBuffers);
    return 0;
  }

  char* buffer(unsigned id) const { return memory_ + size_t{id} * kBufferBytes; }

  void add_buffer(unsigned id, int offset) {
    ::io_uring_buf_ring_add(buffers_, buffer(id), kBufferBytes, static_cast<uint16_t>(id),
                            ::io_uring_buf_ring_mask(kBuffers), offset);
  }

  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
      ::io_uring_submit(&ring_);
      entry = ::io_uring_get_sqe(&ring_);
    }
    return entry;
  }

  void on_completion(const io_uring_cqe& entry) {
    const int fd = static_cast<int>(entry.user_data >> 8);
    switch (static_cast<Operation>(entry.user_data & 0xff)) {
      case Operation::Accept:
        if (entry.res >= 0) receive(entry.res);
        if ((entry.flags & IORING_CQE_F_MORE) == 0) accept_more();
        break;
      case Operation::Receive:
        on_received(fd, entry);
        break;
      case Operation::Send:  // only failures are told; the recv ends as well
      case Operation::Close:
        break;
    }
  }

  void on_received(int fd, const io_uring_cqe& entry) {
    if (entry.res == 0 || (entry.res < 0 && entry.res != -ENOBUFS)) return close(fd);
    if (entry.res > 0) {
      const unsigned id = entry.flags >> IORING_CQE_BUFFER_SHIFT;
      const size_t requests = count_requests({buffer(id), static_cast<size_t>(entry.res)});
      add_buffer(id, 0);
      ::io_uring_buf_ring_advance(buffers_, 1);
      if (requests > 0 && after_ == AfterAnswer::Close) {
        send(fd, 1, IOSQE_IO_HARDLINK | IOSQE_CQE_SKIP_SUCCESS);
        return close(fd);
      }
      send(fd, requests, IOSQE_CQE_SKIP_SUCCESS);
    }
    if ((entry.flags & IORING_CQE_F_MORE) == 0) receive(fd);
  }

  void accept_more() {
    io_uring_sqe* entry = next_entry();
    ::io_uring_prep_multishot_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    entry->user_data = tag(Operation::Accept, listener_);
  }

  // Once where the connection is closed after the answer: a multishot recv would hold it open.
  void receive(int fd) {
    io_uring_sqe* entry = next_entry();
    if (after_ == AfterAnswer::Close) {
      ::io_uring_prep_recv(entry, fd, nullptr, 0, 0);
    } else {
      ::io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
    }
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = kGroup;
    entry->user_data = tag(Operation::Receive, fd);
  }

  // MSG_WAITALL: the kernel goes on after a short send by itself.
  void send(int fd, size_t requests, unsigned flags) {
    for (; requests > 0; requests -= std::min(requests, answer_.most())) {
      const std::string_view bytes = answer_.copies(requests);
      io_uring_sqe* entry = next_entry();
      ::io_uring_prep_send(entry, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_WAITALL);
      entry->flags |= static_cast<uint8_t>(flags);
      entry->user_data = tag(Operation::Send, fd);
    }
  }

  void close(int fd) {
    io_uring_sqe* entry = next_entry();
    ::io_uring_prep_close(entry, fd);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = tag(Operation::Close, fd);
  }

  int listener_;
  AfterAnswer after_;
  Answer answer_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
  char* memory_ = nullptr;
};

}  // namespace

void serve_with_io_uring(int listener, const Options& options) {
  Server server(listener, options);
  if (const int error = server.start(); error != 0) {
    complain(error);
    return;
  }
  server.run();
}

bool can_use_io_uring() {
  io_uring ring{};
  if (const int error = open_ring(ring)) return complain(error);
  ::io_uring_queue_exit(&ring);
  return true;
}

}  // namespace sockherd::ceiling
