// WorkerProcess: one worker as seen from outside: its pid, its notify socket, its control socket,
// its end. Our own child, or one that a predecessor has started: then PID 1 is its parent, and how
// it ended nobody tells us.
//
// Owned by Hands from spawn until the kernel has reported the exit; destroying it does not touch
// the process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/base/result.h"
#include "daemon/contract/message.h"
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
    // What it says on its control socket, with the descriptor that came along.
    std::function<void(const contract::Message&, UniqueFd)> on_message = nullptr;
    // Asked before a message is taken; after a no the rest waits for listen_again().
    std::function<bool()> may_take_message = nullptr;
    // Somebody who may not has spoken on its notify socket; it was not listened to.
    std::function<void(const sys::Notification&)> on_stranger = nullptr;
  };
  // What there is of a worker that lives already.
  struct Remains {
    pid_t pid = -1;
    UniqueFd pidfd;
    UniqueFd control;  // may be missing
    UniqueFd notify;   // may be missing: then a new socket takes its path
  };

  // Starts `request` as worker `id`, with a NOTIFY_SOCKET of its own at `notify_path` and `control`
  // as our end of its control socket, if it has one. A gated one waits for release().
  // Errors: what fails before the fork; what fails after it comes as an exit of kind NotStarted.
  static Result<std::unique_ptr<WorkerProcess>> start(sd_event* loop, fleet::WorkerId id,
                                                      sys::SpawnRequest request,
                                                      std::string notify_path, Callbacks callbacks,
                                                      UniqueFd control = {});

  // Errors: the pidfd stays in `remains`, so that the worker can be told to go.
  static Result<std::unique_ptr<WorkerProcess>> adopt(sd_event* loop, fleet::WorkerId id,
                                                      Remains& remains, std::string notify_path,
                                                      Callbacks callbacks);

  void release() { sys::open_gate(child_); }

  fleet::WorkerId id() const { return id_; }
  pid_t pid() const { return child_.pid; }
  const std::string& status() const { return status_; }  // the last STATUS=, plain
  int pidfd() const { return pidfd_.get(); }
  int control_fd() const { return control_.get(); }  // -1 = none
  int notify_fd() const { return notify_.fd(); }
  // Of one with a bind watch, once.
  UniqueFd take_bind_report() { return std::move(child_.bind_report); }

  void send(int signal) const;  // SIGKILL goes to all that it has started, too

  // Says something on the control socket, with a copy of `passed`. Errors: as send_packet.
  Result<void> tell(const contract::Message& message, int passed = -1) const;

  // False: it is to be called again later.
  [[nodiscard]] bool listen_again();

 private:
  WorkerProcess(fleet::WorkerId id, sys::SpawnSubject subject, sys::NotifySocket socket,
                Callbacks callbacks)
      : id_(id),
        subject_(std::move(subject)),
        notify_(std::move(socket)),
        callbacks_(std::move(callbacks)) {}
  Result<void> watch_notifications(sd_event* loop);
  Result<void> watch_control(sd_event* loop, UniqueFd socket);
  void read_notifications();
  bool may_speak(const sys::Notification& said) const;
  void read_messages();
  void report_exit(const siginfo_t& info);
  void report_unseen_exit();

  fleet::WorkerId id_;
  sys::SpawnSubject subject_;
  sys::NotifySocket notify_;
  Callbacks callbacks_;
  sys::Child child_;
  UniqueFd pidfd_;
  UniqueFd control_;
  std::string status_;
  Watch notify_watch_;
  Watch control_watch_;
  Watch exit_watch_;
};

}  // namespace sockherd::supervisor
