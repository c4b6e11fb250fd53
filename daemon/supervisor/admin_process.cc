#include "daemon/supervisor/admin_process.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/bus/interface.h"

namespace sockherd::supervisor {
namespace {

constexpr auto kRetry = std::chrono::seconds(1);

// Root gives its rights away for good; anybody else has none to give.
Result<std::optional<sys::Identity>> identity_of(const std::string& user) {
  if (::geteuid() != 0) return std::optional<sys::Identity>();
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return Error{0, "admin.user: there is no user " + user};
  return std::optional(sys::Identity{entry->pw_uid, entry->pw_gid});
}

}  // namespace

void AdminProcess::run(std::vector<UniqueFd> sockets, const config::Admin& admin, int config_text) {
  sockets_ = std::move(sockets);
  user_ = admin.user;
  config_text_ = UniqueFd(::fcntl(config_text, F_DUPFD_CLOEXEC, 3));
  if (process_) {
    process_->send(SIGTERM);
    leaving_.push_back(std::move(process_));
  }
  is_wanted_ = !sockets_.empty();
  if (is_wanted_) start();
}

void AdminProcess::stop(std::function<void()> stopped) {
  is_wanted_ = false;
  retry_.reset();
  stopped_ = std::move(stopped);
  if (process_) {
    process_->send(SIGTERM);
  } else {
    stopped_();
  }
}

void AdminProcess::start() {
  auto started = try_start();
  if (started.ok()) return;
  log::error("admin-start-failed", {{"error", started.error().what}});
  on_exit({});
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
  for (const UniqueFd& socket : sockets_) request.fds.push_back({socket.get(), "sockherd.admin"});
  request.fds.push_back({theirs.get(), bus::kControlFdName});
  request.fds.push_back({config_text_.get(), "sockherd.config"});
  request.identity = TRY(identity_of(user_));
  const uint64_t number = ++number_;
  process_ = TRY(WorkerProcess::start(
      loop_, number, std::move(request),
      setup_.runtime_directory + "/notify.admin." + std::to_string(number),
      {.on_notification = [](const sys::Notification&) {},
       .on_exit = [this](const fleet::WorkerExited& exited) { on_exit(exited); }}));
  serve_control_(std::move(ours));
  return {};
}

void AdminProcess::on_exit(const fleet::WorkerExited& exited) {
  if (exited.id != 0 && exited.id != number_) {  // one that was told to go
    std::erase_if(leaving_, [&](const auto& p) { return p->id() == exited.id; });
    return;
  }
  process_.reset();
  if (!is_wanted_) {
    if (stopped_) stopped_();
    return;
  }
  ++restarts_;
  if (exited.id != 0) log::warn("admin-exited", {{"how", exited.detail}});
  auto timer = Watch::timer(loop_, [this] { start(); });
  if (!timer) {
    log::error("admin-restart-failed", {{"error", timer.error().what}});
    return;
  }
  retry_ = std::move(timer).value();
  retry_.arm(monotonic_now() + kRetry);
}

}  // namespace sockherd::supervisor
