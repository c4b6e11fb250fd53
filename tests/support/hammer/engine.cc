#include "tests/support/hammer/engine.h"

#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

#include "daemon/base/clock.h"

namespace sockherd::hammer {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kSignals = UINT32_MAX;  // epoll data of the signalfd

std::string request_text(const Options& options, std::string_view connection) {
  return "GET " + options.path + " HTTP/1.1\r\nHost: " + options.host +
         "\r\nUser-Agent: sockherd-hammer\r\n" + std::string(connection) + "\r\n";
}

Result<UniqueFd> open_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return errno_error("signalfd");
  return fd;
}

}  // namespace

Result<Engine> Engine::create(Options options) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno_error("epoll_create1");
  UniqueFd signals = TRY(open_signals());
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = kSignals;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, signals.get(), &event) < 0) {
    return errno_error("epoll_ctl");
  }
  return Engine(std::move(options), std::move(epoll), std::move(signals));
}

Engine::Engine(Options options, UniqueFd epoll, UniqueFd signals)
    : options_(std::move(options)),
      epoll_(std::move(epoll)),
      signals_(std::move(signals)),
      short_request_(request_text(options_, "Connection: close\r\n")),
      keepalive_request_(request_text(options_, "")),
      random_(options_.seed) {
  clients_.reserve(options_.short_clients + options_.keepalive_clients + options_.slow_clients);
  add_clients(Mode::Short, options_.short_clients);
  add_clients(Mode::KeepAlive, options_.keepalive_clients);
  add_clients(Mode::Slow, options_.slow_clients);
  std::shuffle(parked_.begin(), parked_.end(), random_);
}

void Engine::add_clients(Mode mode, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    parked_.push_back(static_cast<uint32_t>(clients_.size()));
    clients_.emplace_back().mode = mode;
  }
}

std::string Engine::run() {
  started_ = now_ = monotonic_now();
  std::array<epoll_event, 256> events{};
  while (!aborted_) {
    now_ = monotonic_now();
    if (options_.duration > Duration{0} && now_ - started_ >= options_.duration) stopping_ = true;
    on_timers();
    start_parked();
    const bool no_more = stopping_ || (options_.count > 0 && requests_ >= options_.count);
    if (no_more && parked_.size() == clients_.size()) break;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), next_wait_ms());
    now_ = monotonic_now();
    for (int i = 0; i < count; ++i) on_epoll(events[static_cast<size_t>(i)]);
  }
  for (Client& client : clients_) {
    if (client.phase != Phase::Parked) fail(client, Outcome::Unfinished, "at the second SIGTERM");
  }
  return tally_.json(seconds_since_start(), Tally::Detail::All);
}

bool Engine::may_start() const {
  if (stopping_ || parked_.empty()) return false;
  if (options_.count > 0 && requests_ >= options_.count) return false;
  if (options_.rate <= 0) return true;
  return static_cast<double>(connections_) < options_.rate * seconds_since_start();
}

void Engine::start_parked() {
  // Bounded, so that a server that refuses everything cannot keep us from the other events.
  for (size_t i = parked_.size(); i > 0 && may_start(); --i) {
    Client& client = clients_[parked_.front()];
    parked_.pop_front();
    connect(client);
  }
}

int Engine::next_wait_ms() const {
  Duration wait = milliseconds(1000);
  if (!timers_.empty()) wait = std::min(wait, timers_.top().at - now_);
  if (options_.duration > Duration{0} && !stopping_) {
    wait = std::min(wait, started_ + options_.duration - now_);
  }
  if (may_start()) return 0;
  if (options_.rate > 0 && !parked_.empty() && !stopping_) {
    const double due = static_cast<double>(connections_) / options_.rate - seconds_since_start();
    wait = std::min(wait, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(due)));
  }
  // Rounded up: a timer must be due when we wake, or the loop would spin.
  return static_cast<int>(std::max<int64_t>(0, (wait.count() + 999'999) / 1'000'000));
}

void Engine::on_timers() {
  while (!timers_.empty() && timers_.top().at <= now_) {
    const Timer timer = timers_.top();
    timers_.pop();
    Client& client = clients_[timer.client];
    if (client.timer != timer.generation) continue;
    switch (client.phase) {
      case Phase::Parked:
        break;
      case Phase::Pausing:
        begin_request(client);
        break;
      case Phase::Connecting:
        if (client.fd)
          fail(client, Outcome::Timeout, "connect");
        else
          connect(client);
        break;
      case Phase::Writing:
        fail(client, Outcome::Timeout, "write");
        break;
      case Phase::Reading:
        fail(client, Outcome::Timeout,
             "read, after " + std::to_string(client.response.total_bytes()) + " bytes");
        break;
    }
  }
}

void Engine::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGUSR1) {
      std::puts(tally_.json(seconds_since_start(), Tally::Detail::Counts).c_str());
      std::fflush(stdout);
    } else {
      aborted_ = stopping_;
      stopping_ = true;
    }
  }
}

void Engine::on_epoll(const epoll_event& event) {
  if (event.data.u32 == kSignals) return on_signal();
  Client& client = clients_[event.data.u32];
  // A closed socket leaves epoll by itself; one that replaced it within this batch has at worst a
  // spurious event, which every step below survives.
  if (client.fd) advance(client);
}

void Engine::advance(Client& client) {
  switch (client.phase) {
    case Phase::Parked:
      break;
    case Phase::Connecting:
      on_connect_event(client);
      break;
    case Phase::Pausing:
      on_pause_event(client);
      break;
    case Phase::Writing:
      write_some(client);
      break;
    case Phase::Reading:
      read_some(client);
      break;
  }
}

void Engine::set_timer(Client& client, Duration wait) {
  timers_.push({now_ + wait, index_of(client), ++client.timer});
}

const std::string& Engine::request_of(const Client& client) const {
  return client.mode == Mode::KeepAlive ? keepalive_request_ : short_request_;
}

uint32_t Engine::index_of(const Client& client) const {
  return static_cast<uint32_t>(&client - clients_.data());
}

Duration Engine::pause_up_to(Duration least, Duration most) {
  return Duration(std::uniform_int_distribution<int64_t>(least.count(), most.count())(random_));
}

double Engine::seconds_since_start() const {
  return std::chrono::duration<double>(now_ - started_).count();
}

}  // namespace sockherd::hammer
