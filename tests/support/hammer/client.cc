// What one client does: the second half of Engine, from connect to the verdict on the answer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

#include "tests/support/hammer/engine.h"

namespace sockherd::hammer {
namespace {

using std::chrono::milliseconds;

constexpr Duration kRetryConnect = milliseconds(1);

bool is_reset(int error) {
  return error == ECONNRESET || error == EPIPE;
}

// Of a connection that nothing was written to: the SYN. The kernel knows, a clock would only guess.
bool has_resent(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_total_retrans > 0;
}

}  // namespace

// ---- connecting ----

Result<UniqueFd> Engine::open_socket() {
  const int family = options_.address.get()->sa_family;
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("socket");
  if (family == AF_UNIX) return fd;
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (!options_.address.is_loopback4) return fd;
  // The port is chosen at connect, so each of the addresses has all ports to every server.
  ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(0x7f000001 + next_source_);
  next_source_ = (next_source_ + 1) % options_.sources;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&source), sizeof(source)) < 0) {
    return errno_error("bind");
  }
  return fd;
}

void Engine::connect(Client& client) {
  if (client.phase == Phase::Parked) {
    client.phase = Phase::Connecting;
    client.begun = now_;
    ++connections_;
    ++requests_;
    tally_.on_connection(client.mode);
  }
  Result<UniqueFd> opened = open_socket();
  if (!opened.ok()) return fail(client, Outcome::ConnectError, opened.error().what);
  UniqueFd fd = std::move(opened).value();
  const int status = ::connect(fd.get(), options_.address.get(), options_.address.length);
  const int error = status < 0 ? errno : 0;
  if (error == EAGAIN && now_ - client.begun < options_.timeout) {
    return set_timer(client, kRetryConnect);  // Unix socket, full queue: a blocking client waits
  }
  client.fd = std::move(fd);
  if (error != 0 && error != EINPROGRESS) return on_end(client, error);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u32 = index_of(client);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.fd.get(), &event) < 0) {
    return fail(client, Outcome::ConnectError, errno_error("epoll_ctl").what);
  }
  set_timer(client, options_.timeout);
}

void Engine::on_connect_event(Client& client) {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(client.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return on_end(client, error);
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (::getpeername(client.fd.get(), reinterpret_cast<sockaddr*>(&peer), &length) < 0) return;
  on_connected(client);
}

void Engine::on_connected(Client& client) {
  client.connect_time = now_ - client.begun;
  if (has_resent(client.fd.get())) tally_.on_syn_resent(client.mode);
  client.answers = 0;
  client.ended.reset();
  client.written = 0;
  client.response.reset();
  if (client.mode != Mode::Slow) return begin_request(client);
  client.phase = Phase::Pausing;
  set_timer(client, pause_up_to(milliseconds(50), milliseconds(200)));
}

// ---- writing ----

// Something arrived while the client pauses: on an idle connection the end is in order; before or
// within a request nothing is.
void Engine::on_pause_event(Client& client) {
  char byte = 0;
  const ssize_t got = ::recv(client.fd.get(), &byte, 1, MSG_PEEK);
  if (got < 0 && errno == EAGAIN) return;
  const bool idle = client.answers > 0 && client.written == 0;
  if (got > 0) {
    // Bytes nobody asked for: belongs to an answer that is already counted, or to none yet begun.
    if (idle) ++requests_;
    return fail(client, Outcome::WrongAnswer, "bytes before the request was sent");
  }
  if (!idle) return on_end(client, got < 0 ? errno : 0);
  if (!client.ended) client.ended = now_;
  if (now_ - *client.ended < options_.latency) return;  // on its way to the client
  tally_.on_idle_closed(client.mode);
  park(client);
}

void Engine::begin_request(Client& client) {
  if (client.written == 0 && client.answers > 0) {
    const uint32_t timer = client.timer;
    on_pause_event(client);  // the server may have closed since; then nothing of it is written
    if (client.timer != timer) return;
    if (stopping_ || (options_.count > 0 && requests_ >= options_.count)) return park(client);
    ++requests_;
    client.begun = now_;
    client.connect_time = Duration{0};
    client.response.reset();
  }
  const size_t size = request_of(client).size();
  const bool first_of_two = client.mode == Mode::Slow && client.written == 0;
  client.write_until = first_of_two ? 1 + random_() % (size - 1) : size;
  client.phase = Phase::Writing;
  set_timer(client, options_.timeout);
  write_some(client);
}

void Engine::write_some(Client& client) {
  const std::string& request = request_of(client);
  while (client.written < client.write_until) {
    const ssize_t sent = ::send(client.fd.get(), request.data() + client.written,
                                client.write_until - client.written, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return on_end(client, errno);
    client.written += static_cast<size_t>(sent);
  }
  on_piece_written(client);
}

void Engine::on_piece_written(Client& client) {
  if (client.written < request_of(client).size()) {
    client.phase = Phase::Pausing;
    return set_timer(client, pause_up_to(milliseconds(0), milliseconds(100)));
  }
  client.phase = Phase::Reading;
  client.begun = now_;
  set_timer(client, options_.timeout);
  read_some(client);  // edge-triggered: what came while writing has no event of its own
}

// ---- reading ----

void Engine::read_some(Client& client) {
  static std::array<char, 256 * 1024> buffer;  // one thread, and nothing keeps a reference
  while (client.phase == Phase::Reading) {
    const ssize_t got = ::recv(client.fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return on_end(client, got < 0 ? errno : 0);
    const auto size = static_cast<size_t>(got);
    const size_t taken = client.response.feed({buffer.data(), size});
    if (client.response.is_malformed()) {
      return fail(client, Outcome::WrongAnswer, "malformed answer");
    }
    if (taken < size) return fail(client, Outcome::WrongAnswer, "bytes after the answer");
    if (client.response.is_done()) return on_answer(client);
  }
}

// The connection ended (error 0: in order) in the middle of a connect or a request.
void Engine::on_end(Client& client, int error) {
  if (error == 0 && client.phase == Phase::Reading) {
    client.response.on_end();
    if (client.response.is_done()) return on_answer(client);
  }
  constexpr std::array<const char*, 5> kDoing = {"idle", "connect", "pause", "write", "read"};
  std::string where = kDoing[static_cast<size_t>(client.phase)];
  where += ", request " + std::to_string(client.answers + 1) + " of the connection, " +
           std::to_string(client.written) + " bytes sent, " +
           std::to_string(client.response.total_bytes()) + " received";
  if (error == ECONNREFUSED) return fail(client, Outcome::Refused, where);
  if (is_reset(error)) return fail(client, Outcome::Reset, where + ": " + std::strerror(error));
  if (error == ETIMEDOUT) return fail(client, Outcome::Timeout, where);
  if (error != 0) return fail(client, Outcome::ConnectError, where + ": " + std::strerror(error));
  fail(client, client.response.has_head() ? Outcome::ShortAnswer : Outcome::Eof, where);
}

bool Engine::is_right(const ResponseReader& response) const {
  return response.status() == options_.status &&
         (!options_.body || response.body() == *options_.body) &&
         (!options_.body_prefix || response.body().starts_with(*options_.body_prefix)) &&
         (!options_.body_size || response.body_size() == *options_.body_size);
}

void Engine::on_answer(Client& client) {
  const ResponseReader& response = client.response;
  if (!is_right(response)) {
    return fail(client, Outcome::WrongAnswer,
                "status " + std::to_string(response.status()) + ", body of " +
                    std::to_string(response.body_size()) + ": " + response.body().substr(0, 120));
  }
  if (options_.count_bodies) tally_.on_body(response.body());
  tally_.on_answer(client.mode, client.connect_time + (now_ - client.begun), options_.slow_after);
  continue_or_park(client);
}

void Engine::continue_or_park(Client& client) {
  ++client.answers;
  const bool last = client.mode != Mode::KeepAlive || client.answers >= options_.requests;
  if (last || stopping_ || client.response.wants_close()) return park(client);
  client.written = 0;
  client.phase = Phase::Pausing;
  // Also without think time through the timer: no recursion, and all clients take turns.
  set_timer(client, pause_up_to(Duration{0}, options_.think));
}

void Engine::fail(Client& client, Outcome outcome, std::string where) {
  tally_.on_failure({seconds_since_start(), client.mode, outcome, std::move(where)});
  park(client);
}

void Engine::park(Client& client) {
  client.fd.reset();
  client.phase = Phase::Parked;
  ++client.timer;
  parked_.push_back(index_of(client));
}

}  // namespace sockherd::hammer
