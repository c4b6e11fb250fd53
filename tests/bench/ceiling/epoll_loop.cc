// Edge-triggered, one registration a connection, one recv and one send a request; a second recv
// only where the first filled its buffer. A connection is read right after it was accepted, so that
// a short one is never registered at all.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "tests/bench/ceiling/loops.h"

namespace sockherd::ceiling {
namespace {

constexpr int kMaxEvents = 512;
constexpr int kAcceptBudget =
    64;  // of one wake-up, so that those who are connected are not starved
constexpr uint32_t kEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;

enum class State { Open, Done };

class Server {
 public:
  Server(int poller, int listener, const Options& options)
      : poller_(poller), listener_(listener), after_(options.after), answer_(options) {}

  void run() {
    std::array<epoll_event, kMaxEvents> events;
    for (;;) {
      const int count = ::epoll_wait(poller_, events.data(), kMaxEvents, -1);
      for (int i = 0; i < count; ++i) on_event(events[static_cast<size_t>(i)]);
    }
  }

 private:
  void on_event(const epoll_event& event) {
    if (event.data.fd == listener_) {
      accept_some();
    } else if (read_and_answer(event.data.fd) == State::Done ||
               (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
      ::close(event.data.fd);
    }
  }

  void accept_some() {
    for (int i = 0; i < kAcceptBudget; ++i) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      epoll_event event{.events = kEvents, .data = {.fd = fd}};
      if (read_and_answer(fd) == State::Done ||
          ::epoll_ctl(poller_, EPOLL_CTL_ADD, fd, &event) != 0) {
        ::close(fd);
      }
    }
  }

  State read_and_answer(int fd) {
    for (;;) {
      const ssize_t size = ::recv(fd, buffer_.data(), buffer_.size(), 0);
      if (size < 0) return errno == EAGAIN ? State::Open : State::Done;
      if (size == 0) return State::Done;
      const std::string_view bytes(buffer_.data(), static_cast<size_t>(size));
      if (send_all(fd, count_requests(bytes)) == State::Done) return State::Done;
      if (bytes.size() < buffer_.size()) return State::Open;
    }
  }

  State send_all(int fd, size_t requests) {
    for (; requests > 0; requests -= std::min(requests, answer_.most())) {
      if (!send_bytes(fd, answer_.copies(requests))) return State::Done;
      if (after_ == AfterAnswer::Close) return State::Done;
    }
    return State::Open;
  }

  // Waits, and lets all others wait, for a client that does not take its answer: those of a bench
  // do.
  static bool send_bytes(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN) {
        pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
        ::poll(&room, 1, -1);
      } else {
        return false;
      }
    }
    return true;
  }

  int poller_;
  int listener_;
  AfterAnswer after_;
  Answer answer_;
  std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

void serve_with_epoll(int listener, const Options& options) {
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  if (poller < 0 || ::epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0) {
    std::perror("sockherd-ceiling: epoll");
    return;
  }
  Server(poller, listener, options).run();
}

}  // namespace sockherd::ceiling
