// Peer: a little server end of the control connection, as the supervisor has it, for tests.
#pragma once

#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/base/unique_fd.h"
#include "daemon/bus/interface.h"

namespace sockherd::bus {

inline std::pair<UniqueFd, UniqueFd> socket_pair() {
  int fds[2];
  SH_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

class Peer {
 public:
  // Answers one method call: 1 and a reply sent, or a negative errno.
  using Answer = std::function<int(sd_bus_message* call)>;

  Peer(UniqueFd socket, Answer answer) : answer_(std::move(answer)) {
    sd_bus* bus = nullptr;
    SH_ASSERT(sd_bus_new(&bus) >= 0);
    bus_.reset(bus);
    SH_ASSERT(sd_bus_set_fd(bus, socket.get(), socket.get()) >= 0);
    static_cast<void>(socket.release());
    SH_ASSERT(sd_bus_set_server(
                  bus, 1, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 10)) >= 0);
    SH_ASSERT(sd_bus_set_anonymous(bus, 1) >= 0);
    SH_ASSERT(sd_bus_negotiate_fds(bus, 1) >= 0);
    SH_ASSERT(sd_bus_add_object(bus, nullptr, kObject, on_call, this) >= 0);
    SH_ASSERT(sd_bus_start(bus) >= 0);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  sd_bus* bus() const { return bus_.get(); }

  // Serves until the other end closes.
  void serve() {
    while (sd_bus_is_open(bus()) > 0) {
      const int r = sd_bus_process(bus(), nullptr);
      if (r < 0) return;
      if (r == 0) sd_bus_wait(bus(), UINT64_MAX);
    }
  }

  void close() { bus_.reset(); }

 private:
  struct Unref {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
  };

  static int on_call(sd_bus_message* call, void* userdata, sd_bus_error* /*unused*/) {
    return static_cast<Peer*>(userdata)->answer_(call);
  }

  std::unique_ptr<sd_bus, Unref> bus_;
  Answer answer_;
};

}  // namespace sockherd::bus
