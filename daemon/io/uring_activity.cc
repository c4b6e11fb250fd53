#include "daemon/io/uring_activity.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sockherd::io {
namespace {

// iovec has no const: sendmsg does not write through it.
std::array<iovec, 2> parts_of(std::string_view first, std::string_view second) {
  return {iovec{const_cast<char*>(first.data()), first.size()},
          iovec{const_cast<char*>(second.data()), second.size()}};
}

}  // namespace

size_t UringActivity::take_bytes(Uring& ring, std::span<char> room) {
  size_t taken = 0;
  const auto take = [&taken, room](std::string_view bytes) {
    const size_t count = std::min(bytes.size(), room.size() - taken);
    std::memcpy(room.data() + taken, bytes.data(), count);
    taken += count;
    return count;
  };
  aside_begin_ += take(std::string_view(aside_).substr(aside_begin_));
  size_t read = 0;
  for (Piece& piece : pieces_) {
    piece.begin +=
        static_cast<uint32_t>(take(ring.bytes(piece.buffer, piece.end).substr(piece.begin)));
    if (piece.begin < piece.end) break;
    ring.give_back(piece.buffer);
    ++read;
  }
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(read));
  return taken;
}

void UringActivity::put_aside(Uring& ring) {
  aside_.erase(0, aside_begin_);
  aside_begin_ = 0;
  for (const Piece& piece : pieces_) {
    aside_ += ring.bytes(piece.buffer, piece.end).substr(piece.begin);
    ring.give_back(piece.buffer);
  }
  pieces_.clear();
}

void UringActivity::begin_send(io_uring_sqe& entry, int fd, std::string_view first,
                               std::string_view second) {
  sending_ = Sending::UnderWay;
  if (second.empty()) {
    io_uring_prep_send(&entry, fd, first.data(), first.size(), MSG_NOSIGNAL);
    return;
  }
  parts_ = parts_of(first, second);
  message_ = {};
  message_.msg_iov = parts_.data();
  message_.msg_iovlen = parts_.size();
  io_uring_prep_sendmsg(&entry, fd, &message_, MSG_NOSIGNAL);
}

void UringActivity::on_sent(int result) {
  sending_ = Sending::Completed;
  sent_ = result;
}

Outcome UringActivity::take_sent(size_t wanted) {
  if (sending_ == Sending::Nothing) return {State::Blocked, 0};
  sending_ = Sending::Nothing;
  if (sent_ < 0) return {sent_ == -EAGAIN || sent_ == -EINTR ? State::Blocked : State::Failed, 0};
  const auto bytes = static_cast<size_t>(sent_);
  return {bytes < wanted ? State::Blocked : State::Done, bytes};
}

void UringActivity::end(Uring& ring) {
  for (const Piece& piece : pieces_) ring.give_back(piece.buffer);
  pieces_.clear();
  if (aside_.capacity() > 0) aside_ = std::string();
  aside_begin_ = 0;
  events_ = 0;
  sending_ = Sending::Nothing;
}

uint32_t UringActivities::take_place() {
  if (!free_.empty()) {
    const uint32_t place = free_.back();
    free_.pop_back();
    return place;
  }
  all_.emplace_back();
  return static_cast<uint32_t>(all_.size() - 1);
}

}  // namespace sockherd::io
