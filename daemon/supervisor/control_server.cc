#include "daemon/supervisor/control_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/base/log.h"
#include "daemon/bus/dictionary.h"
#include "daemon/bus/interface.h"
#include "daemon/supervisor/report.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr int kBacklog = 64;
constexpr size_t kMaxConnections = 64;
constexpr int kAcceptsPerTurn = 16;

struct UnrefMessage {
  void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;

Supervisor& supervisor_of(void* userdata) {
  return *static_cast<Supervisor*>(userdata);
}

int refuse(sd_bus_message* call, const Refused& refused) {
  return ::sd_bus_reply_method_errorf(call, refused.name, "%s", refused.why.c_str());
}

// Answers with whatever `fill` appends.
template <typename Fill>
int answer(sd_bus_message* call, const Fill& fill) {
  sd_bus_message* raw = nullptr;
  if (const int made = ::sd_bus_message_new_method_return(call, &raw); made < 0) return made;
  const Message reply(raw);
  const Result<void> filled = fill(raw);
  if (!filled) {
    return ::sd_bus_reply_method_errorf(call, bus::kErrorUnavailable, "%s",
                                        filled.error().what.c_str());
  }
  return ::sd_bus_send(nullptr, raw, nullptr);
}

// A call that is answered later: keeps the message until then.
Supervisor::Done answer_later(sd_bus_message* call) {
  const std::shared_ptr<sd_bus_message> kept(::sd_bus_message_ref(call), UnrefMessage{});
  return [kept](const bus::Outcome& outcome) {
    // A failure means that the asker has gone; there is nobody to tell.
    answer(kept.get(), [&outcome](sd_bus_message* reply) {
      return bus::append(reply, bus::describe(outcome));
    });
  };
}

int get_status(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_status(supervisor_of(userdata)));
  });
}

int list_pools(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_pools(supervisor_of(userdata)));
  });
}

int list_workers(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  if (const int read = ::sd_bus_message_read(call, "s", &pool); read < 0) return read;
  const Supervisor& supervisor = supervisor_of(userdata);
  if (*pool != '\0' && !supervisor.fleet().pools().contains(pool)) {
    return refuse(call, {bus::kErrorNoSuchPool, std::string("there is no pool ") + pool});
  }
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_workers(supervisor, pool));
  });
}

int list_listeners(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_listeners(supervisor_of(userdata)));
  });
}

int list_upstreams(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_upstreams(supervisor_of(userdata)));
  });
}

int list_events(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  uint64_t since = 0;
  uint32_t limit = 0;
  if (const int read = ::sd_bus_message_read(call, "tu", &since, &limit); read < 0) return read;
  const EventRing::Page page = supervisor_of(userdata).read_events(since, limit);
  return answer(call, [&](sd_bus_message* reply) -> Result<void> {
    TRY(bus::append(reply, report_events(page.events)));
    return bus::append(reply, report_page(page));
  });
}

int count_events(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  return answer(call, [&](sd_bus_message* reply) {
    return bus::append(reply, report_event_counts(supervisor_of(userdata).count_events()));
  });
}

int set_workers(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  uint32_t workers = 0;
  const char* by = nullptr;
  if (const int read = ::sd_bus_message_read(call, "sus", &pool, &workers, &by); read < 0) {
    return read;
  }
  uint32_t before = 0;
  if (const auto refused = supervisor_of(userdata).scale(pool, workers, by, &before)) {
    return refuse(call, *refused);
  }
  return ::sd_bus_reply_method_return(call, "u", before);
}

int reload(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* by = nullptr;
  if (const int read = ::sd_bus_message_read(call, "s", &by); read < 0) return read;
  const auto refused = supervisor_of(userdata).reload(by, answer_later(call));
  return refused ? refuse(call, *refused) : 1;
}

int restart(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  int32_t slot = -1;
  const char* by = nullptr;
  if (const int read = ::sd_bus_message_read(call, "sis", &pool, &slot, &by); read < 0) {
    return read;
  }
  const auto which = slot < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(slot));
  const auto refused = supervisor_of(userdata).restart(pool, which, by, answer_later(call));
  return refused ? refuse(call, *refused) : 1;
}

int open_statistics(sd_bus_message* call, void* userdata, sd_bus_error* /*error*/) {
  const char* pool = nullptr;
  if (const int read = ::sd_bus_message_read(call, "s", &pool); read < 0) return read;
  const auto fd = supervisor_of(userdata).hands().statistics().open_read_only(pool);
  if (!fd) {
    const bool is_missing = fd.error().code == ENOENT;
    return refuse(call,
                  {is_missing ? bus::kErrorNoSuchPool : bus::kErrorUnavailable, fd.error().what});
  }
  return ::sd_bus_reply_method_return(call, "h", fd.value().get());  // sd-bus duplicates it
}

// UNPRIVILEGED: without it sd-bus asks for CAP_SYS_ADMIN in the caller; the socket's mode is our
// rule.
constexpr uint64_t kFlags = SD_BUS_VTABLE_UNPRIVILEGED;

const sd_bus_vtable kVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("GetStatus", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", status), get_status,
                            kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListPools", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", pools), list_pools,
                            kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListWorkers", SD_BUS_ARGS("s", pool), SD_BUS_RESULT("aa{sv}", workers),
                            list_workers, kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListListeners", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", listeners),
                            list_listeners, kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListUpstreams", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", upstreams),
                            list_upstreams, kFlags),
    SD_BUS_METHOD_WITH_ARGS("ListEvents", SD_BUS_ARGS("t", since, "u", limit),
                            SD_BUS_RESULT("aa{sv}", events, "a{sv}", page), list_events, kFlags),
    SD_BUS_METHOD_WITH_ARGS("CountEvents", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", counts),
                            count_events, kFlags),
    SD_BUS_METHOD_WITH_ARGS("SetWorkers", SD_BUS_ARGS("s", pool, "u", count, "s", by),
                            SD_BUS_RESULT("u", before), set_workers, kFlags),
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_ARGS("s", by), SD_BUS_RESULT("a{sv}", outcome), reload,
                            kFlags),
    SD_BUS_METHOD_WITH_ARGS("Restart", SD_BUS_ARGS("s", pool, "i", slot, "s", by),
                            SD_BUS_RESULT("a{sv}", outcome), restart, kFlags),
    SD_BUS_METHOD_WITH_ARGS("OpenStatistics", SD_BUS_ARGS("s", pool), SD_BUS_RESULT("h", segment),
                            open_statistics, kFlags),
    SD_BUS_VTABLE_END,
};

Result<void> checked(const char* call, int answer) {
  if (answer < 0) return errno_error(call, -answer);
  return {};
}

// A child of a predecessor that was killed holds its socket until it has become another program.
Result<UniqueFd> bind_control(const sys::SocketAddress& address) {
  constexpr int kTries = 20;
  constexpr int kPause = 25;  // milliseconds; nothing has been begun yet that could wait for us
  for (int i = 1;; ++i) {
    auto bound = sys::bind_listener(address, sys::Sharing::Exclusive, kBacklog, 0660);
    if (bound.ok() || bound.error().code != EADDRINUSE || i == kTries) return bound;
    ::poll(nullptr, 0, kPause);
  }
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::create(sd_event* loop,
                                                             const std::string& path,
                                                             Supervisor& supervisor) {
  const auto address = TRY(sys::SocketAddress::parse("unix:" + path));
  UniqueFd socket = TRY(bind_control(address));
  std::unique_ptr<ControlServer> server(
      new ControlServer(loop, path, std::move(socket), supervisor));
  ControlServer* self = server.get();
  server->spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
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
      connection = accept_one();
      connection.reset();
      spare_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      return;
    }
    if (!connection) return;
    if (connections_.size() >= kMaxConnections) continue;  // closes it
    if (auto served = serve(std::move(connection)); !served) {
      log::warn("control-connection-failed", {{"error", served.error().what}});
    }
  }
}

UniqueFd ControlServer::accept_one() const {
  return UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

Result<void> ControlServer::serve(UniqueFd connection) {
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
              ::sd_bus_add_object_vtable(raw, nullptr, bus::kObject, bus::kInterface, kVtable,
                                         &supervisor_)));
  TRY(checked("sd_bus_start", ::sd_bus_start(raw)));
  TRY(checked("sd_bus_attach_event", ::sd_bus_attach_event(raw, loop_, SD_EVENT_PRIORITY_NORMAL)));
  const auto on_disconnect = [](sd_bus_message* message, void* userdata, sd_bus_error*) {
    static_cast<ControlServer*>(userdata)->forget(::sd_bus_message_get_bus(message));
    return 0;
  };
  TRY(checked(
      "sd_bus_match_signal",
      ::sd_bus_match_signal(raw, nullptr, nullptr, "/org/freedesktop/DBus/Local",
                            "org.freedesktop.DBus.Local", "Disconnected", on_disconnect, this)));
  connections_.push_back(std::move(bus));
  return {};
}

void ControlServer::forget(sd_bus* bus) {
  std::erase_if(connections_, [bus](const auto& c) { return c.get() == bus; });
}

}  // namespace sockherd::supervisor
