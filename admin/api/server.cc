#include "admin/api/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "admin/api/peer.h"
#include "admin/api/problem.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

namespace sockherd::api {
namespace {

constexpr int kAcceptsAtOnce = 64;
constexpr std::chrono::microseconds kAcceptRetry = std::chrono::milliseconds(100);

// Whoever was to be accepted; the last two say a filter or a security module.
bool stays_queued(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == EPERM || error == EACCES;
}

Answer too_many_connections() {
  return answer({.status = 503,
                 .type = "too-many-connections",
                 .title = "Too many connections to the admin server",
                 .detail = "Close some, or try again.",
                 .errors = {},
                 .fields = {{"Retry-After", "1"}}},
                "");
}

}  // namespace

Server::Server(sd_event* loop, const Limits& limits, ServerHooks hooks)
    : loop_(loop),
      limits_(limits),
      hooks_(std::move(hooks)),
      connection_hooks_(connection_hooks()) {}

Result<std::unique_ptr<Server>> Server::create(sd_event* loop, std::vector<UniqueFd> listeners,
                                               const Limits& limits, ServerHooks hooks) {
  std::unique_ptr<Server> server(new Server(loop, limits, std::move(hooks)));
  Server* self = server.get();
  self->retry_ = TRY(watch_time(loop, on_retry, self));
  for (UniqueFd& listener : listeners) {
    Watch watch = TRY(watch_io(loop, listener.get(), EPOLLIN, on_connection, self));
    self->listeners_.push_back({std::move(listener), std::move(watch)});
  }
  return server;
}

ConnectionHooks Server::connection_hooks() {
  return {
      .screen = [this](const Request& request) { return hooks_.screen(request); },
      .handle =
          [this](uint64_t id, const Request& request) {
            hooks_.handle(request, [this, id](Answer answer) {
              const auto found = connections_.find(id);
              if (found != connections_.end()) found->second->respond(std::move(answer));
            });
          },
      .refuse = [](int status,
                   std::string_view why) { return answer(problem_of_status(status, why), ""); },
      .answered = [this](int status) { ++responses_[static_cast<size_t>(status / 100)]; },
      .closed = [this](uint64_t id) { on_closed(id); },
  };
}

int Server::on_connection(sd_event_source*, int fd, uint32_t, void* self) {
  static_cast<Server*>(self)->accept_all(fd);
  return 0;
}

// The kernel may have no memory for it either.
int Server::on_retry(sd_event_source*, uint64_t, void* data) {
  auto* self = static_cast<Server*>(data);
  int failed = 0;
  for (const Listener& listener : self->listeners_)
    failed = std::min(failed, sd_event_source_set_enabled(listener.watch.get(), SD_EVENT_ON));
  if (failed < 0) self->pause_accepting(-failed);
  return 0;
}

void Server::accept_all(int listener) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      Peer peer = peer_of(socket.get());
      add(std::move(socket), std::move(peer));
    } else if (stays_queued(errno)) {
      return pause_accepting(errno);
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;  // EAGAIN, or an error of the network that accept(2) passes on
    }
  }
}

// As long as descriptors are short it happens ten times a second.
void Server::note_failed_accept(const std::string& reason) {
  const auto times = failed_accepts_.count(monotonic_now());
  if (times) log::warn("admin-accept-failed", {{"reason", reason}, {"times", *times}});
}

// The socket stays readable: without a pause the loop would spin until somebody closes.
void Server::pause_accepting(int error) {
  note_failed_accept(std::strerror(error));
  for (const Listener& listener : listeners_)
    sd_event_source_set_enabled(listener.watch.get(), SD_EVENT_OFF);
  sd_event_source_set_time_relative(retry_.get(), static_cast<uint64_t>(kAcceptRetry.count()));
  sd_event_source_set_enabled(retry_.get(), SD_EVENT_ONESHOT);
}

void Server::add(UniqueFd socket, Peer peer) {
  const bool has_room = connections_.size() < limits_.max_connections || make_room();
  if (!has_room) ++connections_refused_;
  if (connections_.size() >= limits_.max_connections + limits_.max_refused_connections) return;
  if (peer.kind == Peer::Kind::Tcp) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const uint64_t id = next_id_++;
  auto connection =
      Connection::create(loop_, id, std::move(socket), std::move(peer), limits_, connection_hooks_);
  if (!connection.ok()) {
    return note_failed_accept(connection.error().what);
  }
  Connection& added = *connections_.emplace(id, std::move(connection).value()).first->second;
  if (!has_room) added.turn_away(too_many_connections());
}

// Who was accepted first among the idle ones goes: it has been served, and may come back.
bool Server::make_room() {
  for (const auto& [id, connection] : connections_) {
    if (!connection->is_idle()) continue;
    connections_.erase(id);
    return true;
  }
  return false;
}

void Server::on_closed(uint64_t id) {
  connections_.erase(id);
  if (drained_ && connections_.empty()) std::exchange(drained_, {})();
}

void Server::drain(std::function<void()> done) {
  listeners_.clear();
  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) connections_.at(id)->drain();
  if (connections_.empty()) return done();
  drained_ = std::move(done);
}

}  // namespace sockherd::api
