#include "daemon/worker/relayed_connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace sockherd::worker {
namespace {

void reset(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

RelayedConnection::Pipe::Moved RelayedConnection::Pipe::move(int from, int to) {
  while (true) {
    if (begin_ == end_ && !at_end_) {
      const Filled filled = fill(from);
      if (filled == Filled::Broken) return Moved::NoGiver;
      if (filled == Filled::Nothing) return Moved::All;
    }
    if (is_lost_) begin_ = end_;
    while (begin_ < end_) {
      const ssize_t sent = ::send(to, bytes_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN ? Moved::All : Moved::NoTaker;
      begin_ += static_cast<size_t>(sent);
    }
    if (!at_end_) continue;
    if (!std::exchange(has_told_, true)) ::shutdown(to, SHUT_WR);
    return Moved::All;
  }
}

void RelayedConnection::Pipe::lose() {
  is_lost_ = true;
  begin_ = end_;
}

RelayedConnection::Pipe::Filled RelayedConnection::Pipe::fill(int from) {
  const ssize_t got = ::recv(from, bytes_.data(), bytes_.size(), 0);
  if (got < 0) return errno == EAGAIN ? Filled::Nothing : Filled::Broken;
  begin_ = 0;
  end_ = static_cast<size_t>(got);
  at_end_ = got == 0;
  return Filled::Something;
}

RelayedConnection::RelayedConnection(UniqueFd client, UniqueFd sibling)
    : client_(std::move(client)), sibling_(std::move(sibling)) {}

bool RelayedConnection::begin(io::Loop& loop) {
  constexpr io::Events kAll =
      io::event::kReadable | io::event::kWritable | io::event::kPeerClosed | io::event::kEdge;
  auto client = loop.watch(client_.get(), kAll, *this);
  auto sibling = loop.watch(sibling_.get(), kAll, *this);
  if (!client.ok() || !sibling.ok()) return give_up();
  watches_ = {std::move(client).value(), std::move(sibling).value()};
  return true;
}

bool RelayedConnection::is_over(Instant now) {
  if ((back_.is_through() || is_broken_) && !over_at_) over_at_ = now + kLongestEnd;
  const bool is_late = over_at_ && now >= *over_at_;
  if (!is_over_ && is_broken_ && (is_late || has_taken_all())) is_over_ = !give_up();
  return is_over_ || is_late;
}

void RelayedConnection::on_ready(io::Events /*events*/) {
  if (!is_over_) move();
}

void RelayedConnection::move() {
  using Moved = Pipe::Moved;
  Moved there = there_.move(client_.get(), sibling_.get());
  if (there == Moved::NoTaker) {
    there_.lose();
    there = there_.move(client_.get(), sibling_.get());
  }
  Moved back = is_broken_ ? Moved::All : back_.move(sibling_.get(), client_.get());
  if (back == Moved::NoGiver) {
    is_broken_ = true;
    there_.lose();
  }
  if (there == Moved::NoGiver || back == Moved::NoTaker) is_over_ = !give_up();
  if (there_.is_through() && back_.is_through()) is_over_ = true;
}

bool RelayedConnection::give_up() {
  reset(client_.get());
  reset(sibling_.get());
  return false;
}

bool RelayedConnection::has_taken_all() const {
  int unsent = 0;
  return ::ioctl(client_.get(), SIOCOUTQ, &unsent) != 0 || unsent == 0;
}

}  // namespace sockherd::worker
