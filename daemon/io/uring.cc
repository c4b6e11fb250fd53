#include "daemon/io/uring.h"

#include <sys/mman.h>

#include <cerrno>

#include "daemon/base/assert.h"

namespace sockherd::io {

Result<std::unique_ptr<Uring>> Uring::create(const UringSizes& sizes) {
  std::unique_ptr<Uring> ring(new Uring(sizes));
  TRY(ring->open());
  TRY(ring->provide_buffers());
  return ring;
}

Uring::~Uring() {
  if (!is_open_) return;
  if (is_enabled_) submit();  // what is to be closed
  io_uring_queue_exit(&ring_);
}

// R_DISABLED: the thread that enables it is the one that uses it, not the one that is here.
Result<void> Uring::open() {
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
  params.cq_entries = sizes_.completions;
  const int failed = io_uring_queue_init_params(sizes_.entries, &ring_, &params);
  if (failed != 0) return errno_error("io_uring_setup", -failed);
  is_open_ = true;
  return {};
}

Result<void> Uring::provide_buffers() {
  const size_t bytes = sizes_.buffers * sizeof(io_uring_buf);
  void* shared = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  if (shared == MAP_FAILED) return errno_error("mmap");
  free_ = {static_cast<io_uring_buf_ring*>(shared), UringUnmap{bytes}};
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uintptr_t>(shared);
  registration.ring_entries = sizes_.buffers;
  registration.bgid = kGroup;
  const int failed = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (failed != 0) return errno_error("io_uring_register", -failed);
  memory_.reset(new char[size_t{sizes_.buffers} * sizes_.buffer_bytes]);
  for (uint16_t i = 0; i < sizes_.buffers; ++i) give_back(i);
  return {};
}

void UringUnmap::operator()(void* memory) const {
  ::munmap(memory, bytes);
}

void Uring::give_back(uint16_t buffer) {
  char* begin = memory_.get() + size_t{buffer} * sizes_.buffer_bytes;
  io_uring_buf_ring_add(free_.get(), begin, sizes_.buffer_bytes, buffer,
                        io_uring_buf_ring_mask(sizes_.buffers), 0);
  io_uring_buf_ring_advance(free_.get(), 1);
}

void Uring::enable() {
  if (is_enabled_) return;
  is_enabled_ = true;
  // liburing 2.3 of Debian 12 declares io_uring_enable_rings, and does not have it.
  const auto fd = static_cast<unsigned>(ring_.ring_fd);
  SH_ASSERT(io_uring_register(fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0);
  io_uring_register_ring_fd(&ring_);  // spares a look-up at each entry; no matter if it fails
}

io_uring_sqe& Uring::add() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    submit();
    entry = io_uring_get_sqe(&ring_);
  }
  SH_ASSERT(entry != nullptr);
  return *entry;
}

void Uring::submit() {
  enable();
  io_uring_submit(&ring_);
}

// Failures are passing ones (EINTR, EBUSY while completions overflow): the next enter() goes on.
void Uring::enter(Duration longest) {
  enable();
  if (longest <= Duration::zero()) {
    io_uring_submit_and_get_events(&ring_);
    return;
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(longest);
  __kernel_timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (longest - seconds).count()};
  io_uring_cqe* first = nullptr;
  io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
}

bool Uring::has_work() const {
  const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
  return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0 ||
         io_uring_sq_ready(&ring_) != 0 || io_uring_cq_ready(&ring_) != 0;
}

// The completion queue was full: the kernel keeps the rest, and puts it there when asked.
bool Uring::takes_overflow() {
  if (!io_uring_cq_has_overflow(&ring_)) return false;
  io_uring_get_events(&ring_);
  return io_uring_cq_ready(&ring_) != 0;
}

}  // namespace sockherd::io
