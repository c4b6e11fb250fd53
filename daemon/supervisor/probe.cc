#include "daemon/supervisor/probe.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "daemon/base/clock.h"
#include "daemon/base/parse.h"

namespace sockherd::supervisor {
namespace {

constexpr Duration kConnectTime = std::chrono::seconds(1);
constexpr Duration kAnswerTime = std::chrono::seconds(5);
// In the queue of a slot, which is the worker's to empty. Then another one is tried, should this
// one have gone astray.
constexpr Duration kQueueTime = std::chrono::seconds(5);
constexpr Duration kFirstLook = std::chrono::milliseconds(1);
constexpr Duration kLongestPause = std::chrono::milliseconds(64);
constexpr size_t kMostBytes = 8192;  // of responses before the final one, too

// Wherever the address is: the source of a connection within this machine.
sockaddr_storage any_port_of(const sys::SocketAddress& address) {
  sockaddr_storage from{};
  std::copy_n(reinterpret_cast<const std::byte*>(address.get()), address.size(),
              reinterpret_cast<std::byte*>(&from));
  if (from.ss_family == AF_INET) reinterpret_cast<sockaddr_in&>(from).sin_port = 0;
  if (from.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(from).sin6_port = 0;
  return from;
}

std::string first_line(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\n";
}

constexpr std::string_view kRest =
    "Host: localhost\r\nUser-Agent: sockherd\r\nAccept: */*\r\nConnection: close\r\n\r\n";

}  // namespace

std::optional<int> final_status(std::string_view received) {
  while (true) {
    constexpr std::string_view kVersion = "HTTP/1.";
    constexpr size_t kLine = kVersion.size() + 5;  // "1 200"
    const size_t common = std::min(received.size(), kVersion.size());
    if (received.substr(0, common) != kVersion.substr(0, common)) return 0;
    if (received.size() <= kLine) return std::nullopt;
    const auto status = parse_number<unsigned>(received.substr(kVersion.size() + 2, 3));
    const char end = received[kLine];
    const bool is_line = (received[7] == '0' || received[7] == '1') && received[8] == ' ' &&
                         (end == ' ' || end == '\r' || end == '\n');
    if (!is_line || !status || *status < 100 || *status > 599) return 0;
    if (*status >= 200) return static_cast<int>(*status);
    if (*status == 101) return 0;  // nobody has asked for another protocol
    const size_t head = received.find("\r\n\r\n");
    if (head == std::string_view::npos) return std::nullopt;
    received.remove_prefix(head + 4);
  }
}

Result<std::unique_ptr<Probe>> Probe::start(sd_event* loop, Question question,
                                            std::function<void(ProbeOutcome)> done) {
  std::unique_ptr<Probe> probe(new Probe(std::move(question), std::move(done)));
  TRY(probe->connect(loop));
  return probe;
}

Probe::~Probe() {
  end_aim();
}

Result<void> Probe::connect(sd_event* loop) {
  const sys::SocketAddress& address = question_.address;
  timer_ = TRY(Watch::timer(loop, [this] { on_timer(); }));
  socket_ = UniqueFd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return errno_error("socket");
  if (question_.aim) {
    const sockaddr_storage from = any_port_of(address);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&from), address.size()) != 0) {
      return errno_error("bind");
    }
    is_aimed_ = question_.aim(TRY(sys::SocketAddress::of_socket(socket_.get())).port());
    if (!is_aimed_) {
      state_ = State::Astray;
      wait(kFirstLook);
      return {};
    }
  }
  if (::connect(socket_.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    return errno_error("connect");
  }
  // Within this machine the handshake is over by now, and the aim need not be kept.
  if (is_connected()) end_aim();
  events_ = TRY(Watch::on_events(loop, socket_.get(), EPOLLIN | EPOLLOUT, [this] { on_event(); }));
  wait(kConnectTime);
  return {};
}

bool Probe::is_connected() const {
  if (question_.address.is_unix()) return true;
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state == TCP_ESTABLISHED;
}

void Probe::end_aim() {
  if (std::exchange(is_aimed_, false)) question_.aimed();
}

void Probe::wait(Duration time) {
  timer_.arm(monotonic_now() + time);
}

void Probe::finish(ProbeOutcome outcome) {
  state_ = State::Done;
  end_aim();
  events_.reset();
  timer_.disarm();
  const auto done = std::move(done_);
  done(outcome);  // may destroy us
}

void Probe::on_event() {
  switch (state_) {
    case State::Connecting:
      return on_connected();
    case State::Accepting:
      return look_who_accepted(true);
    case State::Answering:
      return read_answer();
    case State::Astray:
    case State::Done:
      return;
  }
}

void Probe::on_timer() {
  if (state_ == State::Accepting) return look_who_accepted(false);
  finish(state_ == State::Astray ? ProbeOutcome::Elsewhere : ProbeOutcome::Failed);
}

void Probe::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return finish(ProbeOutcome::Failed);
  end_aim();
  if (!question_.path.empty() && !send(first_line(question_.path))) {
    return finish(ProbeOutcome::Failed);
  }
  if (!question_.acceptor) return ask();
  state_ = State::Accepting;
  if (!events_.want(EPOLLIN).ok()) return finish(ProbeOutcome::Failed);
  deadline_ = monotonic_now() + kQueueTime;
  pause_ = kFirstLook;
  wait(pause_);
}

void Probe::look_who_accepted(bool is_ended) {
  switch (question_.acceptor(socket_.get(), is_ended)) {
    case Acceptor::Nobody:
      if (monotonic_now() >= deadline_) return finish(ProbeOutcome::Failed);
      pause_ = std::min(pause_ * 2, kLongestPause);
      return wait(pause_);
    case Acceptor::Ours:
      return ask();
    case Acceptor::Another:
      return finish(ProbeOutcome::Elsewhere);
    case Acceptor::Unsure:
      return finish(ProbeOutcome::Unsure);
  }
}

void Probe::ask() {
  if (question_.path.empty()) return finish(ProbeOutcome::Passed);
  state_ = State::Answering;
  if (!send(kRest) || !events_.want(EPOLLIN).ok()) return finish(ProbeOutcome::Failed);
  wait(kAnswerTime);
}

// Nothing waits in its buffer, so it takes these few bytes or never will.
bool Probe::send(std::string_view text) const {
  return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(text.size());
}

void Probe::read_answer() {
  std::array<char, 1024> buffer{};
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return finish(ProbeOutcome::Failed);
  received_.append(buffer.data(), static_cast<size_t>(got));
  const auto status = final_status(received_);
  if (status) {
    const bool is_good = *status >= 200 && *status < 400;
    return finish(is_good ? ProbeOutcome::Passed : ProbeOutcome::Failed);
  }
  if (received_.size() > kMostBytes) finish(ProbeOutcome::Failed);
}

}  // namespace sockherd::supervisor
