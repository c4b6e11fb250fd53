// ControlServer: serves io.sockherd.Sockherd1 (bus/interface.h) over peer-to-peer D-Bus, on the
// control socket and on socketpairs handed to it. Who may speak is decided by the mode and group of
// the socket: in a user namespace peer credentials say nothing (measured). The other half is
// bus/client.h.
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <memory>
#include <string>
#include <vector>

#include "daemon/base/instant.h"
#include "daemon/base/now_and_then.h"
#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/supervisor/control_methods.h"
#include "daemon/supervisor/watch.h"

namespace sockherd::supervisor {

class Supervisor;

class ControlServer {
 public:
  // Listens at `path`, for our own user and group. Errors: as bind_listener.
  // patience: with clients that do not say who they are, where places are short.
  static Result<std::unique_ptr<ControlServer>> create(sd_event* loop, const std::string& path,
                                                       Supervisor& supervisor,
                                                       Duration patience = std::chrono::seconds(5));
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Serves one connection of ours; its end frees it.
  Result<void> serve(UniqueFd connection);

 private:
  ControlServer(sd_event* loop, std::string path, UniqueFd socket, Supervisor& supervisor,
                Duration patience)
      : loop_(loop),
        path_(std::move(path)),
        socket_(std::move(socket)),
        door_{supervisor, nullptr},
        patience_(patience) {}
  void accept_all();
  void pause();
  void go_on();
  bool make_room();
  UniqueFd accept_one() const;
  void forget(sd_bus* bus);

  // Without flushing: that would wait for a client that does not read.
  struct Close {
    void operator()(sd_bus* bus) const { ::sd_bus_close_unref(bus); }
  };

  struct Connection {
    std::unique_ptr<sd_bus, Close> bus;
    std::optional<Instant> since;  // nothing = ours
  };
  Result<void> add(UniqueFd connection, std::optional<Instant> since);

  sd_event* loop_;
  std::string path_;
  UniqueFd socket_;
  UniqueFd spare_;  // given up for a moment to turn clients away where descriptors have run out
  Door door_;
  Watch watch_;
  Watch pause_;
  Duration patience_;
  NowAndThen refused_;
  std::vector<Connection> connections_;  // the oldest first
};

}  // namespace sockherd::supervisor
