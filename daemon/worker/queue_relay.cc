#include "daemon/worker/queue_relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace sockherd::worker {
namespace {

// At a time; further ones wait in the queue as before.
constexpr size_t kMostPairs = 1000;
constexpr auto kLongestTurn = std::chrono::milliseconds(500);

}  // namespace

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
    pairs_.remove_if([now](RelayedConnection& pair) { return pair.is_over(now); });
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
