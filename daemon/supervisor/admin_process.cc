#include "daemon/supervisor/admin_process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/bus/interface.h"

namespace sockherd::supervisor {

Result<std::unique_ptr<AdminProcess>> AdminProcess::create(
    sd_event* loop, Setup setup, std::function<void(UniqueFd)> serve_control) {
  std::unique_ptr<AdminProcess> admin(
      new AdminProcess(loop, std::move(setup), std::move(serve_control)));
  AdminProcess* self = admin.get();
  admin->retry_ = TRY(Watch::timer(loop, [self] { self->start(); }));
  admin->deadline_ = TRY(Watch::timer(loop, [self] { self->kill_leaving(); }));
  return admin;
}

void AdminProcess::run(std::vector<AdminSocket> sockets, const config::Admin& admin,
                       std::shared_ptr<const UniqueFd> config_text) {
  sockets_ = std::move(sockets);
  user_ = admin.user;
  config_text_ = std::move(config_text);
  dismiss();
  pause_.reset();
  is_wanted_ = !sockets_.empty();
  if (is_wanted_) start();
}

void AdminProcess::stop(std::function<void()> stopped) {
  is_wanted_ = false;
  dismiss();
  stopped_ = std::move(stopped);
  if (leaving_.empty()) std::exchange(stopped_, nullptr)();
}

void AdminProcess::dismiss() {
  retry_.disarm();
  if (!process_) return;
  process_->send(SIGTERM);
  leaving_.push_back(std::move(process_));
  deadline_.arm(monotonic_now() + setup_.stop_timeout);
}

void AdminProcess::kill_leaving() {
  for (const auto& process : leaving_) {
    log::warn("admin-stop-timeout", {{"pid", process->pid()}});
    process->send(SIGKILL);
  }
}

void AdminProcess::start() {
  auto started = try_start();
  if (started.ok()) return;
  on_exit({.kind = fleet::ExitKind::NotStarted, .detail = started.error().what});
}

Result<void> AdminProcess::try_start() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
    return errno_error("socketpair");
  }
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  sys::SpawnRequest request{.arguments = {setup_.program}, .environment = setup_.environment};
  for (const config::Override& override : setup_.overrides) {
    request.arguments.insert(request.arguments.end(),
                             {"--set", override.key + "=" + override.value});
  }
  for (const AdminSocket& socket : sockets_) {
    request.fds.push_back({socket.fd.get(), "sockherd.admin"});
  }
  request.fds.push_back({theirs.get(), bus::kControlFdName});
  request.fds.push_back({config_text_->get(), "sockherd.config"});
  if (::geteuid() == 0) {  // it gives its rights away for good; anybody else has none to give
    request.account.user = user_;
    request.is_confined = true;
    request.origins.user = "admin.user";
  }
  // It holds the admin port, which the successor of a supervisor that was killed must bind.
  request.signal_at_parents_end = SIGKILL;
  const uint64_t number = ++number_;
  process_ = TRY(WorkerProcess::start(
      loop_, number, std::move(request),
      setup_.runtime_directory + "/notify.admin." + std::to_string(number),
      {.on_notification = [](const sys::Notification&) {},
       .on_exit = [this](const fleet::WorkerExited& exited) { on_exit(exited); }}));
  began_at_ = monotonic_now();
  serve_control_(std::move(ours));
  return {};
}

void AdminProcess::on_exit(const fleet::WorkerExited& exited) {
  if (std::erase_if(leaving_, [&](const auto& p) { return p->id() == exited.id; }) > 0) {
    if (leaving_.empty() && stopped_) std::exchange(stopped_, nullptr)();
    return;
  }
  process_.reset();
  ++restarts_;
  const Instant now = monotonic_now();
  const bool has_lasted = began_at_ != Instant{} && now - began_at_ >= setup_.stable_after;
  if (has_lasted) pause_.reset();
  const Duration pause = pause_.next();
  began_at_ = Instant{};
  const int64_t seconds = std::chrono::ceil<std::chrono::seconds>(pause).count();
  if (exited.kind == fleet::ExitKind::NotStarted) {
    log::error("admin-start-failed", {{"error", exited.detail}, {"again_in_s", seconds}});
  } else {
    log::warn("admin-exited", {{"how", exited.detail}, {"again_in_s", seconds}});
  }
  retry_.arm(now + pause);
}

}  // namespace sockherd::supervisor
