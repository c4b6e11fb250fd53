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

#include "daemon/base/result.h"
#include "daemon/base/unique_fd.h"
#include "daemon/supervisor/control_methods.h"
#include "daemon/supervisor/watch.h"

namespace sockherd::supervisor {

class Supervisor;

class ControlServer {
 public:
  // Listens at `path`, for our own user and group. Errors: as bind_listener.
  static Result<std::unique_ptr<ControlServer>> create(sd_event* loop, const std::string& path,
                                                       Supervisor& supervisor);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Serves one connection; its end frees it.
  Result<void> serve(UniqueFd connection);

 private:
  ControlServer(sd_event* loop, std::string path, UniqueFd socket, Supervisor& supervisor)
      : loop_(loop),
        path_(std::move(path)),
        socket_(std::move(socket)),
        door_{supervisor, nullptr} {}
  void accept_all();
  UniqueFd accept_one() const;
  void forget(sd_bus* bus);

  // Without flushing: that would wait for a client that does not read.
  struct Close {
    void operator()(sd_bus* bus) const { ::sd_bus_close_unref(bus); }
  };

  sd_event* loop_;
  std::string path_;
  UniqueFd socket_;
  UniqueFd spare_;  // given up for a moment to turn clients away where descriptors have run out
  Door door_;
  Watch watch_;
  std::vector<std::unique_ptr<sd_bus, Close>> connections_;
};

}  // namespace sockherd::supervisor
