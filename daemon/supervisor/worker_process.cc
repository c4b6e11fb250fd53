#include "daemon/supervisor/worker_process.h"

#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "daemon/supervisor/plain_text.h"

namespace sockherd::supervisor {
namespace {

// Messages taken in one turn: a worker that floods its socket waits for the others' turn.
constexpr int kMessagesPerTurn = 16;
constexpr size_t kMaxStatusBytes = 512;

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(sd_event* loop, fleet::WorkerId id,
                                                            sys::SpawnRequest request,
                                                            std::string notify_path,
                                                            Callbacks callbacks) {
  sys::NotifySocket socket = TRY(sys::NotifySocket::create(std::move(notify_path)));
  request.environment.push_back("NOTIFY_SOCKET=" + socket.path());
  std::unique_ptr<WorkerProcess> worker(
      new WorkerProcess(id, request.arguments.front(), std::move(socket), std::move(callbacks)));
  WorkerProcess* self = worker.get();
  worker->notify_watch_ =
      TRY(Watch::on_readable(loop, self->notify_.fd(), [self] { self->read_notifications(); }));
  worker->child_ = TRY(sys::spawn(request));
  auto watch =
      Watch::on_exit(loop, self->pid(), [self](const siginfo_t& i) { self->report_exit(i); });
  if (!watch) {
    // A worker whose end we can not see must not live. Nothing but the kill is waited for here.
    self->send(SIGKILL);
    ::waitpid(self->pid(), nullptr, 0);
    return std::move(watch).error();
  }
  worker->exit_watch_ = std::move(watch).value();
  return worker;
}

void WorkerProcess::send(int signal) const {
  // The child has not been reaped as long as this object exists, so the pid is still its own.
  ::kill(child_.pid, signal);
  // It leads a process group: what a wrapper script has started must not outlive the last resort.
  if (signal == SIGKILL) ::kill(-child_.pid, SIGKILL);
}

void WorkerProcess::read_notifications() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    const auto said = notify_.receive();
    if (!said) return;
    if (said->status) status_ = plain_text(*said->status, kMaxStatusBytes);
    callbacks_.on_notification(*said);
  }
}

void WorkerProcess::report_exit(const siginfo_t& info) {
  read_notifications();  // what it said last came before its end
  fleet::WorkerExited exited{.id = id_, .code = info.si_status, .pid = info.si_pid};
  if (const auto error = sys::read_spawn_failure(child_.failure.get(), program_)) {
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

}  // namespace sockherd::supervisor
