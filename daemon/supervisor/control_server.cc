#include "daemon/supervisor/control_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/bus/interface.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr int kBacklog = 64;
constexpr size_t kMaxConnections = 64;
constexpr int kAcceptsPerTurn = 16;
constexpr Duration kAcceptRetry = std::chrono::milliseconds(100);

Result<void> checked(const char* call, int answer) {
  if (answer < 0) return errno_error(call, -answer);
  return {};
}

// A child of a predecessor that was killed holds its socket until it has become another program.
Result<UniqueFd> bind_control(const sys::SocketAddress& address) {
  constexpr int kTries = 20;
  // Milliseconds. A sleep, which the house does without (tests/lint/banned.py): nothing has been
  // begun yet that could wait for us, and the loop does not turn.
  constexpr int kPause = 25;
  for (int i = 1;; ++i) {
    auto bound = sys::bind_listener(address, sys::Sharing::Exclusive, kBacklog, 0660);
    if (bound.ok() || bound.error().code != EADDRINUSE || i == kTries) return bound;
    ::poll(nullptr, 0, kPause);
  }
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::create(sd_event* loop,
                                                             const std::string& path,
                                                             Supervisor& supervisor,
                                                             Duration patience) {
  const auto address = TRY(sys::SocketAddress::parse("unix:" + path));
  UniqueFd socket = TRY(bind_control(address));
  std::unique_ptr<ControlServer> server(
      new ControlServer(loop, path, std::move(socket), supervisor, patience));
  ControlServer* self = server.get();
  server->spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  server->pause_ = TRY(Watch::timer(loop, [self] { self->go_on(); }));
  server->watch_ =
      TRY(Watch::on_readable(loop, self->socket_.get(), [self] { self->accept_all(); }));
  return server;
}

ControlServer::~ControlServer() {
  ::unlink(path_.c_str());
}

void ControlServer::accept_all() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd connection = accept_one();
    if (!connection && (errno == EMFILE || errno == ENFILE)) {
      // One that stays in the queue would wake us for ever.
      spare_.reset();
      const bool has_gone = static_cast<bool>(accept_one()) || errno == EAGAIN;
      spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!has_gone) pause();
      return;
    }
    if (!connection) {
      if (errno != EAGAIN) pause();
      return;
    }
    if (!make_room()) continue;  // closes it
    if (auto served = add(std::move(connection), monotonic_now()); !served) {
      log::warn("control-connection-failed", {{"error", served.error().what}});
    }
  }
}

// What waits stays in the queue, and would wake us for ever.
void ControlServer::pause() {
  watch_.pause();
  pause_.arm(monotonic_now() + kAcceptRetry);
}

void ControlServer::go_on() {
  if (!watch_.resume().ok()) pause();
}

// Who has not said who he is goes first (sd-bus itself waits 90 s for that, measured); who has may
// stay as long as he likes.
bool ControlServer::make_room() {
  if (connections_.size() < kMaxConnections) return true;
  const Instant now = monotonic_now();
  const auto silent = std::find_if(connections_.begin(), connections_.end(), [&](const auto& c) {
    return c.since && now - *c.since >= patience_ && ::sd_bus_is_ready(c.bus.get()) <= 0;
  });
  if (silent != connections_.end()) {
    connections_.erase(silent);
    return true;
  }
  if (const auto times = refused_.count(now)) {
    log::warn("control-connection-refused", {{"connections", connections_.size()},
                                             {"times", *times},
                                             {"next", "end clients that stay: ss -xp shows them"}});
  }
  return false;
}

UniqueFd ControlServer::accept_one() const {
  return UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

Result<void> ControlServer::serve(UniqueFd connection) {
  return add(std::move(connection), std::nullopt);
}

Result<void> ControlServer::add(UniqueFd connection, std::optional<Instant> since) {
  sd_bus* raw = nullptr;
  TRY(checked("sd_bus_new", ::sd_bus_new(&raw)));
  std::unique_ptr<sd_bus, Close> bus(raw);
  sd_id128_t id{};
  TRY(checked("sd_id128_randomize", ::sd_id128_randomize(&id)));
  TRY(checked("sd_bus_set_fd", ::sd_bus_set_fd(raw, connection.get(), connection.get())));
  [[maybe_unused]] const int taken_over = connection.release();
  TRY(checked("sd_bus_set_server", ::sd_bus_set_server(raw, 1, id)));
  TRY(checked("sd_bus_set_anonymous", ::sd_bus_set_anonymous(raw, 1)));
  TRY(checked("sd_bus_negotiate_fds", ::sd_bus_negotiate_fds(raw, 1)));
  TRY(checked("sd_bus_add_object_vtable",
              ::sd_bus_add_object_vtable(raw, nullptr, bus::kObject, bus::kInterface,
                                         control_methods(), &door_)));
  TRY(checked("sd_bus_start", ::sd_bus_start(raw)));
  // Else the end of the loop waits for a client that does not read, or has not said who it is.
  TRY(checked("sd_bus_set_close_on_exit", ::sd_bus_set_close_on_exit(raw, 0)));
  TRY(checked("sd_bus_attach_event", ::sd_bus_attach_event(raw, loop_, SD_EVENT_PRIORITY_NORMAL)));
  const auto on_disconnect = [](sd_bus_message* message, void* userdata, sd_bus_error*) {
    static_cast<ControlServer*>(userdata)->forget(::sd_bus_message_get_bus(message));
    return 0;
  };
  TRY(checked(
      "sd_bus_match_signal",
      ::sd_bus_match_signal(raw, nullptr, nullptr, "/org/freedesktop/DBus/Local",
                            "org.freedesktop.DBus.Local", "Disconnected", on_disconnect, this)));
  connections_.push_back({std::move(bus), since});
  return {};
}

void ControlServer::forget(sd_bus* bus) {
  std::erase_if(connections_, [bus](const auto& c) { return c.bus.get() == bus; });
}

}  // namespace sockherd::supervisor
