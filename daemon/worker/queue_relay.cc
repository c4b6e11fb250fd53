#include "daemon/worker/queue_relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

namespace sockherd::worker {
namespace {

// At a time; further ones wait in the queue as before.
constexpr size_t kMostPairs = 1000;
constexpr size_t kBufferBytes = 16384;
constexpr auto kLongestTurn = std::chrono::milliseconds(500);
constexpr auto kLongestEnd = std::chrono::seconds(2);  // of a client, after the sibling's

// One direction of a connection.
class Pipe {
 public:
  // Moves what can be moved now. False: one of the two is broken.
  bool move(int from, int to) {
    while (true) {
      if (begin_ == end_ && !at_end_ && !fill(from)) return !is_broken_;
      while (begin_ < end_) {
        const ssize_t sent = ::send(to, bytes_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN;
        begin_ += static_cast<size_t>(sent);
      }
      if (!at_end_) continue;
      if (!std::exchange(has_told_, true)) ::shutdown(to, SHUT_WR);
      return true;
    }
  }
  bool is_through() const { return has_told_; }

 private:
  // False: nothing for now, or broken.
  bool fill(int from) {
    const ssize_t got = ::recv(from, bytes_.data(), bytes_.size(), 0);
    if (got < 0) {
      is_broken_ = errno != EAGAIN;
      return false;
    }
    begin_ = 0;
    end_ = static_cast<size_t>(got);
    at_end_ = got == 0;
    return true;
  }

  std::array<char, kBufferBytes> bytes_{};
  size_t begin_ = 0;
  size_t end_ = 0;
  bool at_end_ = false;
  bool has_told_ = false;
  bool is_broken_ = false;
};

// Whoever waits for the rest of something must see that there is none.
void reset(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

// A client and the connection that stands for it.
class QueueRelay::Pair final : public io::Watcher {
 public:
  Pair(UniqueFd client, UniqueFd sibling)
      : client_(std::move(client)), sibling_(std::move(sibling)) {}

  // False: it can not be passed on.
  bool begin(io::Loop& loop) {
    constexpr io::Events kAll =
        io::event::kReadable | io::event::kWritable | io::event::kPeerClosed | io::event::kEdge;
    auto client = loop.watch(client_.get(), kAll, *this);
    auto sibling = loop.watch(sibling_.get(), kAll, *this);
    if (!client.ok() || !sibling.ok()) return give_up();
    watches_ = {std::move(client).value(), std::move(sibling).value()};
    return true;
  }
  // A sibling that has ended the connection may have gone for good: it waits for nothing then.
  bool is_over(Instant now) {
    if (back_.is_through() && !over_at_) over_at_ = now + kLongestEnd;
    return is_over_ || (over_at_ && now >= *over_at_);
  }

 private:
  void on_ready(io::Events /*events*/) override {
    if (is_over_) return;
    const bool goes_on =
        there_.move(client_.get(), sibling_.get()) && back_.move(sibling_.get(), client_.get());
    if (!goes_on) give_up();
    is_over_ = !goes_on || (there_.is_through() && back_.is_through());
  }
  bool give_up() {
    reset(client_.get());
    reset(sibling_.get());
    return false;
  }

  UniqueFd client_;
  UniqueFd sibling_;
  Pipe there_;
  Pipe back_;
  bool is_over_ = false;
  std::optional<Instant> over_at_;
  std::array<io::Watch, 2> watches_;  // end before what they watch
};

QueueRelay::QueueRelay(UniqueFd listener, const sys::SocketAddress& to, UniqueFd counter)
    : listener_(std::move(listener)), to_(to), counter_(std::move(counter)) {}

Result<std::unique_ptr<QueueRelay>> QueueRelay::create(UniqueFd listener, sys::SocketAddress to,
                                                       UniqueFd counter) {
  std::unique_ptr<QueueRelay> relay(new QueueRelay(std::move(listener), to, std::move(counter)));
  relay->loop_ = TRY(io::Loop::create());
  relay->watch_ = TRY(
      relay->loop_->watch(relay->listener_.get(), io::event::kReadable | io::event::kEdge, *relay));
  return relay;
}

QueueRelay::~QueueRelay() = default;

void QueueRelay::run() {
  std::signal(SIGPIPE, SIG_IGN);  // of the counter: is_relieved() sees it the next time
  do {
    take_all();
    if (pairs_.empty()) return;
    loop_->turn(loop_->read_clock() + kLongestTurn);
    const Instant now = loop_->now();
    pairs_.remove_if([now](Pair& pair) { return pair.is_over(now); });
  } while (true);
}

void QueueRelay::on_ready(io::Events /*events*/) {}  // run() looks after each turn

bool QueueRelay::has_waiting() const {
  pollfd queue{.fd = listener_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&queue, 1, 0) > 0;
}

// A connection that is on its way. Empty: for lack of descriptors, ports, or a sibling.
UniqueFd QueueRelay::connect() const {
  UniqueFd sibling(::socket(to_.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!sibling) return {};
  const int connected = ::connect(sibling.get(), to_.get(), to_.size());
  return connected == 0 || errno == EINPROGRESS ? std::move(sibling) : UniqueFd();
}

// The supervisor has hung up: the slot has a worker of its own again.
bool QueueRelay::is_relieved() const {
  if (!counter_) return false;
  pollfd counter{.fd = counter_.get(), .events = 0, .revents = 0};
  return ::poll(&counter, 1, 0) > 0 && (counter.revents & (POLLERR | POLLHUP)) != 0;
}

// The sibling first: whoever cannot be passed on just now is safe in the queue, and nowhere else.
void QueueRelay::take_all() {
  if (is_relieved()) {
    watch_.end();
    return;
  }
  UniqueFd sibling;
  while (pairs_.size() < kMostPairs && has_waiting()) {
    if (!sibling) sibling = connect();
    if (!sibling) return;
    UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client && (errno == ECONNABORTED || errno == EINTR)) continue;
    if (!client) return;
    if (counter_) [[maybe_unused]]
      const ssize_t counted = ::write(counter_.get(), "c", 1);
    pairs_.emplace_back(std::move(client), std::move(sibling));
    if (!pairs_.back().begin(*loop_)) pairs_.pop_back();
  }
}

}  // namespace sockherd::worker
