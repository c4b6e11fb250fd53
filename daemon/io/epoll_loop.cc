#include "daemon/io/epoll_loop.h"

#include <algorithm>
#include <utility>

namespace sockherd::io {
namespace {

// The state of a socket.
constexpr uint32_t kIsRegistered = 1;
constexpr uint32_t kWaitsForRoom = 2;

constexpr Events kOfSocket = event::kReadable | event::kPeerClosed | event::kEdge;

}  // namespace

Result<std::unique_ptr<Loop>> EpollLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno_error("epoll_create1");
  return std::unique_ptr<Loop>(new EpollLoop(std::move(epoll)));
}

bool EpollLoop::control(int operation, uint32_t index, int fd, Events events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag_of(index);
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

bool EpollLoop::await(Duration longest) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
  // Fails with EINTR only (a debugger, SIGSTOP): then nothing has come.
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                 static_cast<int>(ms));
  count_ = static_cast<size_t>(std::max(count, 0));
  return count_ > 0;
}

void EpollLoop::dispatch_all() {
  for (size_t i = 0; i < count_; ++i) dispatch(events_[i].data.u64, events_[i].events);
}

Result<void> EpollLoop::begin_watch(uint32_t index, int fd, Events events) {
  if (!control(EPOLL_CTL_ADD, index, fd, events)) return errno_error("epoll_ctl");
  return {};
}

void EpollLoop::end_watch(uint32_t /*index*/, int fd) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

bool EpollLoop::begin_socket(uint32_t index, int fd) {
  uint32_t& state = state_of(index);
  const Events room = (state & kWaitsForRoom) != 0 ? event::kWritable : 0;
  if (!control(EPOLL_CTL_ADD, index, fd, kOfSocket | room)) return false;
  state |= kIsRegistered;
  return true;
}

bool EpollLoop::release_socket(uint32_t index, int fd) {
  uint32_t& state = state_of(index);
  if ((std::exchange(state, 0) & kIsRegistered) != 0) end_watch(index, fd);
  return true;
}

void EpollLoop::end_socket(uint32_t /*index*/, UniqueFd /*fd*/) {}  // closing takes it out

void EpollLoop::look(uint32_t /*index*/, int /*fd*/) {}  // receive() asks the kernel

Outcome EpollLoop::receive(uint32_t /*index*/, int fd, std::span<char> room) {
  return io::receive(fd, room);
}

// False: the kernel will not tell, though it needs no memory for that: a filter of calls.
bool EpollLoop::wait_for_room(uint32_t index, int fd) {
  uint32_t& state = state_of(index);
  if ((state & kWaitsForRoom) != 0) return true;
  state |= kWaitsForRoom;
  if ((state & kIsRegistered) == 0) return true;
  return control(EPOLL_CTL_MOD, index, fd, kOfSocket | event::kWritable);
}

// A short send(2) says that the socket is full: asking again would only hear EAGAIN.
Outcome EpollLoop::all_or_blocked(uint32_t index, int fd, Outcome outcome, size_t wanted) {
  if (outcome.state == State::Done && outcome.bytes < wanted) outcome.state = State::Blocked;
  if (outcome.state == State::Blocked && !wait_for_room(index, fd)) outcome.state = State::Failed;
  return outcome;
}

Outcome EpollLoop::send(uint32_t index, int fd, std::string_view bytes, Follows follows) {
  return all_or_blocked(index, fd, io::send(fd, bytes, follows), bytes.size());
}

Outcome EpollLoop::send_two(uint32_t index, int fd, std::string_view first,
                            std::string_view second) {
  const Outcome outcome = io::send_two(fd, first, second);
  return all_or_blocked(index, fd, outcome, first.size() + second.size());
}

Outcome EpollLoop::send_file(uint32_t index, int fd, int file, uint64_t offset, uint64_t count) {
  return all_or_blocked(index, fd, io::send_file(fd, file, offset, count), 0);
}

}  // namespace sockherd::io
