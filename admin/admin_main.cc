// sockherd-admin: takes what the supervisor passes, gives up what privileges are left, serves.
//
// Exit status: 0 after SIGTERM; 1 when the supervisor is gone or the start failed; 2 usage; 6 the
// configuration or a socket is missing.
#include <systemd/sd-event.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <utility>
#include <variant>

#include "admin/api/admin.h"
#include "admin/api/command_line.h"
#include "admin/api/privileges.h"
#include "daemon/base/log.h"
#include "daemon/config/load.h"
#include "daemon/sys/activation.h"
#include "daemon/sys/notify.h"
#include "daemon/sys/shared_memory.h"

namespace {

using namespace sockherd;  // NOLINT(google-build-using-namespace): this is the wiring

constexpr int kExitFailure = 1;
constexpr int kExitNotConfigured = 6;

struct UnrefLoop {
  void operator()(sd_event* loop) const { sd_event_unref(loop); }
};
using Loop = std::unique_ptr<sd_event, UnrefLoop>;

void set_log_level(const std::string& name) {
  constexpr std::pair<std::string_view, log::Level> kLevels[] = {{"error", log::Level::Error},
                                                                 {"warning", log::Level::Warning},
                                                                 {"notice", log::Level::Notice},
                                                                 {"info", log::Level::Info},
                                                                 {"debug", log::Level::Debug}};
  for (const auto& [level_name, level] : kLevels)
    if (name == level_name) log::set_level(level);
}

// The configuration that the supervisor has accepted; the faults are only for the unlikely case.
Result<config::Config> load_config(int fd, const std::vector<config::Override>& overrides) {
  const std::string text = TRY(sys::read_memory_file(fd));
  std::vector<config::Override> all = config::overrides_from_environment(environ);
  all.insert(all.end(), overrides.begin(), overrides.end());
  config::Loaded loaded = config::load(text, "sockherd.config", all);
  if (loaded.config) return *std::move(loaded.config);
  return Error{0, loaded.faults.empty() ? "no configuration" : loaded.faults.front().text()};
}

Result<Loop> create_loop() {
  sd_event* loop = nullptr;
  const int created = sd_event_default(&loop);
  if (created < 0) return errno_error("sd_event_default", -created);
  sd_event_set_watchdog(loop, 1);  // only acts where WATCHDOG_USEC is set
  return Loop(loop);
}

// Before anything else: sd-event takes SIGTERM from a signalfd. SIGPIPE comes from sockets.
void block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // "Open the access log anew", where systemctl kill sends it to all processes of the unit.
  std::signal(SIGUSR1, SIG_IGN);
}

int fail(std::string_view event, const Error& error, int status) {
  log::error(event, {{"reason", error.what}});
  return status;
}

int serve(const api::CommandLine& line) {
  auto passed = sys::take_passed_fds();
  if (!passed.ok()) return fail("admin-start-failed", passed.error(), kExitFailure);
  auto handover = api::sort_handover(std::move(passed).value());
  if (!handover.ok()) return fail("admin-start-failed", handover.error(), kExitNotConfigured);
  auto config = load_config(handover->config.get(), line.overrides);
  if (!config.ok()) return fail("admin-start-failed", config.error(), kExitNotConfigured);
  set_log_level(config->daemon.log_level);

  auto loop = create_loop();
  if (!loop.ok()) return fail("admin-start-failed", loop.error(), kExitFailure);
  auto admin = api::Admin::create(loop->get(), std::move(handover).value(), config->admin.hosts);
  if (!admin.ok()) return fail("admin-start-failed", admin.error(), kExitFailure);
  // Nobody waits for it, and where the runtime directory is in somebody's home it does not get
  // through.
  if (const auto told = sys::notify("READY=1\nSTATUS=serving"); !told.ok())
    log::debug("admin-notify-failed", {{"reason", told.error().what}});
  const int ended = sd_event_loop(loop->get());
  if (ended < 0)
    return fail("admin-loop-failed", errno_error("sd_event_loop", -ended), kExitFailure);
  return ended;
}

}  // namespace

int main(int argc, char** argv) {
  block_signals();
  const auto line = api::read_command_line(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (const auto* print = std::get_if<api::PrintAndExit>(&line)) {
    std::fputs(print->text.c_str(), print->status == 0 ? stdout : stderr);
    return print->status;
  }
  for (const std::string& refused : api::drop_privileges())
    log::warn("admin-privileges-kept", {{"reason", refused}});
  return serve(std::get<api::CommandLine>(line));
}
