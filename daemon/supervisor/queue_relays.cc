#include "daemon/supervisor/queue_relays.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "daemon/base/log.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/spawn.h"

namespace sockherd::supervisor {
namespace {

// Where we reach a listener ourselves.
std::string reachable(const sys::SocketAddress& address) {
  const std::string host = address.host();
  const std::string port = ":" + std::to_string(address.port());
  if (host == "::") return "[::1]" + port;
  return host == "0.0.0.0" ? "127.0.0.1" + port : address.text();
}

}  // namespace

Result<void> QueueRelays::look(const Socket& socket, const std::string& pool, int fd,
                               const sys::SocketAddress& address, Duration patience, Instant now) {
  Neglected& queue = neglected_.try_emplace(socket, Neglected{.since = now}).first->second;
  if (patience <= Duration{0} || now - queue.since < patience || is_at(socket)) return {};
  if (now < queue.again_at) return {};
  const bool was_in_vain = std::exchange(queue.was_in_vain, false);
  const Result<void> started = was_in_vain
                                   ? Error{0, "none could be passed on to " + address.text()}
                                   : start(socket, pool, fd, address);
  if (!started.ok()) queue.again_at = now + queue.pause.next();
  return started;
}

Result<void> QueueRelays::start(const Socket& socket, const std::string& pool, int fd,
                                const sys::SocketAddress& address) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return errno_error("pipe2");
  Errand errand{.pool = pool, .socket = socket, .counter = UniqueFd(ends[0])};
  const UniqueFd theirs(ends[1]);
  // Programs may have made it wait (bind_keeper.h); the errand must not.
  TRY(sys::make_nonblocking(fd));
  const sys::SpawnRequest request{
      .arguments = {program_, "--relay", reachable(address)},
      .fds = {{fd, "relay"}, {theirs.get(), "count"}},
  };
  const sys::Child child = TRY(sys::spawn(request));
  auto exit = Watch::on_exit(loop_, child.pid,
                             [this, pid = child.pid](const siginfo_t& /*info*/) { on_exit(pid); });
  if (!exit.ok()) return std::move(exit).error();
  errand.exit = std::move(exit).value();
  errands_[child.pid] = std::move(errand);
  log::notice(
      "queue-relayed",
      {{"pool", pool}, {"listener", socket.first}, {"socket", socket.second}, {"pid", child.pid}});
  return {};
}

void QueueRelays::on_exit(pid_t pid) {
  const auto found = errands_.find(pid);
  if (found == errands_.end()) return;
  Errand& errand = found->second;
  count(errand);
  const auto queue = neglected_.find(errand.socket);
  if (queue != neglected_.end() && errand.counter) {
    queue->second.was_in_vain = errand.passed == 0;
    if (errand.passed > 0) queue->second.pause.reset();
  }
  errands_.erase(found);
}

bool QueueRelays::is_at(const Socket& socket) const {
  return std::any_of(errands_.begin(), errands_.end(), [&socket](const auto& entry) {
    return entry.second.socket == socket && entry.second.counter;
  });
}

void QueueRelays::leave(const Socket& socket) {
  forget(socket);
  for (auto& [pid, errand] : errands_) {
    if (errand.socket != socket || !errand.counter) continue;
    count(errand);
    errand.counter.reset();
  }
}

void QueueRelays::count_all() {
  for (auto& [pid, errand] : errands_) count(errand);
}

void QueueRelays::count(Errand& errand) {
  if (!errand.counter) return;
  std::array<char, 4096> bytes;
  for (ssize_t got = 0; (got = ::read(errand.counter.get(), bytes.data(), bytes.size())) > 0;) {
    errand.passed += static_cast<uint64_t>(got);
    passed_[errand.pool] += static_cast<uint64_t>(got);
  }
}

}  // namespace sockherd::supervisor
