// WorkerProcess: one worker as seen from outside: its pid, its notify socket, its seat, its end.
//
// Owned by Hands from spawn until the kernel has reported the exit; destroying it does not touch
// the process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/base/result.h"
#include "daemon/fleet/event.h"
#include "daemon/supervisor/watch.h"
#include "daemon/sys/notify_socket.h"
#include "daemon/sys/spawn.h"

namespace sockherd::supervisor {

class WorkerProcess {
 public:
  struct Callbacks {
    std::function<void(const sys::Notification&)> on_notification;
    std::function<void(fleet::WorkerExited)>
        on_exit;  // the id is filled in; may destroy this object
  };

  // Starts `request` as worker `id`, with a NOTIFY_SOCKET of its own at `notify_path`.
  // Errors: what fails before the fork; what fails after it comes as an exit of kind NotStarted.
  static Result<std::unique_ptr<WorkerProcess>> start(sd_event* loop, fleet::WorkerId id,
                                                      sys::SpawnRequest request,
                                                      std::string notify_path, Callbacks callbacks);

  fleet::WorkerId id() const { return id_; }
  pid_t pid() const { return child_.pid; }
  const std::string& status() const { return status_; }  // the last STATUS=, plain
  void send(int signal) const;  // SIGKILL goes to all that it has started, too

 private:
  WorkerProcess(fleet::WorkerId id, std::string program, sys::NotifySocket socket,
                Callbacks callbacks)
      : id_(id),
        program_(std::move(program)),
        notify_(std::move(socket)),
        callbacks_(std::move(callbacks)) {}
  void read_notifications();
  void report_exit(const siginfo_t& info);

  fleet::WorkerId id_;
  std::string program_;
  sys::NotifySocket notify_;
  Callbacks callbacks_;
  sys::Child child_;
  std::string status_;
  Watch notify_watch_;
  Watch exit_watch_;
};

}  // namespace sockherd::supervisor
