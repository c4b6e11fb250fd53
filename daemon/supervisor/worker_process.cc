#include "daemon/supervisor/worker_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "daemon/supervisor/plain_text.h"
#include "daemon/sys/packet_socket.h"
#include "daemon/sys/pidfd.h"
#include "daemon/sys/process_family.h"

namespace sockherd::supervisor {
namespace {

// Messages taken in one turn: a worker that floods its socket waits for the others' turn.
constexpr int kMessagesPerTurn = 16;
constexpr size_t kMaxStatusBytes = 512;

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(sd_event* loop, fleet::WorkerId id,
                                                            sys::SpawnRequest request,
                                                            std::string notify_path,
                                                            Callbacks callbacks, UniqueFd control) {
  sys::NotifySocket socket = TRY(sys::NotifySocket::create(std::move(notify_path)));
  request.environment.push_back("NOTIFY_SOCKET=" + socket.path());
  std::unique_ptr<WorkerProcess> worker(
      new WorkerProcess(id, sys::subject_of(request), std::move(socket), std::move(callbacks)));
  WorkerProcess* self = worker.get();
  TRY(self->watch_notifications(loop));
  if (control) TRY(self->watch_control(loop, std::move(control)));
  worker->child_ = TRY(sys::spawn(request));
  // Not reaped yet, so the number is its own.
  auto pidfd = sys::open_pidfd(self->pid());
  auto watch =
      Watch::on_exit(loop, self->pid(), [self](const siginfo_t& i) { self->report_exit(i); });
  if (!watch || !pidfd) {
    // A worker whose end we can not see must not live. Nothing but the kill is waited for here.
    self->send(SIGKILL);
    ::waitpid(self->pid(), nullptr, 0);
    return watch.ok() ? std::move(pidfd).error() : std::move(watch).error();
  }
  worker->pidfd_ = std::move(pidfd).value();
  worker->exit_watch_ = std::move(watch).value();
  return worker;
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::adopt(sd_event* loop, fleet::WorkerId id,
                                                            Remains& remains,
                                                            std::string notify_path,
                                                            Callbacks callbacks) {
  sys::NotifySocket socket =
      remains.notify ? sys::NotifySocket::adopt(std::move(remains.notify), std::move(notify_path))
                     : TRY(sys::NotifySocket::create(std::move(notify_path)));
  std::unique_ptr<WorkerProcess> worker(
      new WorkerProcess(id, {}, std::move(socket), std::move(callbacks)));
  WorkerProcess* self = worker.get();
  worker->child_.pid = remains.pid;
  TRY(self->watch_notifications(loop));
  worker->exit_watch_ =
      TRY(Watch::on_readable(loop, remains.pidfd.get(), [self] { self->report_unseen_exit(); }));
  if (remains.control) TRY(self->watch_control(loop, std::move(remains.control)));
  worker->pidfd_ = std::move(remains.pidfd);
  return worker;
}

Result<void> WorkerProcess::watch_notifications(sd_event* loop) {
  notify_watch_ = TRY(Watch::on_readable(loop, notify_.fd(), [this] { read_notifications(); }));
  return {};
}

Result<void> WorkerProcess::watch_control(sd_event* loop, UniqueFd socket) {
  control_ = std::move(socket);
  control_watch_ = TRY(Watch::on_readable(loop, control_.get(), [this] { read_messages(); }));
  return {};
}

void WorkerProcess::send(int signal) const {
  if (!pidfd_) {
    // Our child, which has not been reaped as long as this object exists.
    ::kill(child_.pid, signal);
  } else if (!sys::send_signal(pidfd_.get(), signal).ok()) {
    return;  // it has ended: the number may be somebody else's
  }
  // It leads a process group: what a wrapper script has started must not outlive the last resort.
  if (signal == SIGKILL) ::kill(-child_.pid, SIGKILL);
}

Result<void> WorkerProcess::tell(const contract::Message& message, int passed) const {
  if (!control_) return Error{0, "the worker has no control socket"};
  return sys::send_packet(control_.get(), contract::encode(message), passed);
}

bool WorkerProcess::listen_again() {
  return !control_watch_ || control_watch_.resume().ok();
}

void WorkerProcess::read_messages() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    if (callbacks_.may_take_message && !callbacks_.may_take_message()) {
      control_watch_.pause();
      return;
    }
    sys::Packet packet = sys::receive_packet(control_.get());
    if (packet.state == sys::PacketState::None) return;
    if (packet.state == sys::PacketState::HungUp) {
      control_watch_.reset();  // its end is about to be reported
      return;
    }
    const auto message = contract::parse(packet.bytes);
    if (message && callbacks_.on_message) callbacks_.on_message(*message, std::move(packet.fd));
  }
}

// Anybody on this machine can reach the socket. Root and we may speak for a worker, who runs as its
// user, and its process group, whose leader may have changed users. What it started may have ended
// by now (systemd-notify), so the user is that of the worker.
bool WorkerProcess::may_speak(const sys::Notification& said) const {
  if (said.sender < 0) return true;  // a socket of a predecessor that did not ask
  if (said.sender_uid == 0 || said.sender_uid == ::geteuid()) return true;
  if (said.sender_uid == sys::user_of(child_.pid)) return true;
  return said.sender > 0 && ::getpgid(said.sender) == child_.pid;
}

void WorkerProcess::read_notifications() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    const auto said = notify_.peek();
    if (!said) return;
    if (!may_speak(*said)) {
      if (callbacks_.on_stranger) callbacks_.on_stranger(*said);
      notify_.drop();
      continue;
    }
    if (said->status) status_ = plain_text(*said->status, kMaxStatusBytes);
    callbacks_.on_notification(*said);  // and what comes of it is written down
    notify_.drop();
  }
}

void WorkerProcess::report_exit(const siginfo_t& info) {
  read_notifications();  // what it said last came before its end
  fleet::WorkerExited exited{.id = id_, .code = info.si_status, .pid = info.si_pid};
  if (const auto error = sys::read_spawn_failure(child_.failure.get(), subject_)) {
    exited.kind = fleet::ExitKind::NotStarted;
    exited.code = error->code;
    exited.detail = error->what;
  } else if (info.si_code == CLD_EXITED) {
    exited.kind = fleet::ExitKind::Status;
    exited.detail = "exit " + std::to_string(info.si_status);
    if (info.si_status != 0 && !status_.empty()) exited.detail += " (" + status_ + ")";
  } else {
    exited.kind = fleet::ExitKind::Signal;
    const char* name = ::sigabbrev_np(info.si_status);
    exited.detail = "signal " + (name != nullptr ? name : std::to_string(info.si_status));
  }
  const auto callback = callbacks_.on_exit;
  callback(std::move(exited));
}

// PID 1 reaps it, and keeps the status to itself.
void WorkerProcess::report_unseen_exit() {
  read_notifications();
  fleet::WorkerExited exited{.id = id_,
                             .kind = fleet::ExitKind::Unknown,
                             .detail = "ended; of an adopted worker nobody says how",
                             .pid = child_.pid};
  const auto callback = callbacks_.on_exit;
  callback(std::move(exited));
}

}  // namespace sockherd::supervisor
