#include "daemon/io/socket.h"

#include <utility>

#include "daemon/base/assert.h"

namespace sockherd::io {

Socket::Socket(Loop& loop, UniqueFd fd)
    : loop_(loop), fd_(std::move(fd)), index_(loop.take_place(nullptr)) {}

Socket::Socket(Socket&& other) noexcept
    : loop_(other.loop_), fd_(std::move(other.fd_)), index_(std::exchange(other.index_, kNone)) {}

Socket::~Socket() {
  if (index_ == kNone) return;
  loop_.end_socket(index_, std::move(fd_));
  loop_.leave_place(index_);
}

bool Socket::watch(Watcher& watcher) {
  SH_ASSERT(!is_watched());
  if (!loop_.begin_socket(index_, fd_.get())) return false;
  loop_.waiting_[index_].watcher = &watcher;
  return true;
}

bool Socket::is_watched() const {
  return loop_.waiting_[index_].watcher != nullptr;
}

void Socket::hand_over(Watcher& watcher) {
  SH_ASSERT(is_watched());
  loop_.waiting_[index_].watcher = &watcher;
}

void Socket::call_again(Events events) {
  SH_ASSERT(is_watched());
  loop_.dispatch_later(loop_.tag_of(index_), events);
}

Outcome Socket::receive(std::span<char> room) {
  return loop_.receive(index_, fd_.get(), room);
}

Outcome Socket::send(std::string_view bytes, Follows follows) {
  return loop_.send(index_, fd_.get(), bytes, follows);
}

Outcome Socket::send_two(std::string_view first, std::string_view second) {
  return loop_.send_two(index_, fd_.get(), first, second);
}

Outcome Socket::send_file(int file, uint64_t offset, uint64_t count) {
  return loop_.send_file(index_, fd_.get(), file, offset, count);
}

void Socket::look() {
  loop_.look(index_, fd_.get());
}

bool Socket::release() {
  if (!is_watched()) return true;
  if (!loop_.release_socket(index_, fd_.get())) return false;
  loop_.waiting_[index_].watcher = nullptr;
  ++loop_.waiting_[index_].generation;
  return true;
}

}  // namespace sockherd::io
