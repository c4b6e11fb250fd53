#include "daemon/worker/send_pace.h"

#include <algorithm>
#include <utility>

namespace sockherd::worker {

// What went into the full socket since then is less than what the client has taken out of it.
void SendPace::note(const io::Socket& socket, Instant now, size_t sent, bool is_blocked) {
  if (std::exchange(is_timed_, is_blocked)) {
    sent_since_ += sent;
    pace_.note(now, moved_then_ + sent_since_);
    return;
  }
  pace_.begin(now);
  moved_then_ = sent_since_ = 0;
  // On io_uring every send is under way for a moment: the kernel is asked where that lasts.
  is_measured_ = socket.engine() == io::Engine::Epoll;
  if (is_measured_) measure(socket);
}

void SendPace::measure(const io::Socket& socket) {
  moved_then_ = pace_.bytes();
  sent_since_ = 0;
  unread_then_ = io::unsent_bytes(socket.fd());
}

Instant SendPace::deadline(const Limits& limits) const {
  constexpr Duration kFirstLook = std::chrono::seconds(1);
  const Duration stall =
      is_measured_ ? limits.write_timeout : std::min(limits.write_timeout, kFirstLook);
  return pace_.deadline(stall, limits.read_rate);
}

bool SendPace::is_too_slow(const io::Socket& socket, Instant now, const Limits& limits) {
  if (!std::exchange(is_measured_, true)) {
    measure(socket);
    return false;
  }
  const uint64_t unread = io::unsent_bytes(socket.fd());
  const uint64_t put = unread_then_ + sent_since_;
  if (put > unread) pace_.note(now, moved_then_ + put - unread);
  return now >= deadline(limits);
}

}  // namespace sockherd::worker
