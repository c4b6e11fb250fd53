// The part of Supervisor that gives the admin process its sockets and its configuration.
#include <fcntl.h>

#include "daemon/base/log.h"
#include "daemon/supervisor/control_server.h"
#include "daemon/supervisor/programs.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr int kAdminBacklog = 128;
constexpr mode_t kAdminMode = 0660;

Result<UniqueFd> duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno_error("F_DUPFD_CLOEXEC");
  return copy;
}

}  // namespace

Result<void> Supervisor::run_admin(std::vector<AdminSocket> sockets) {
  if (sockets.empty() && !admin_) return {};
  if (!admin_) {
    AdminProcess::Setup setup{.program = TRY(find_program("sockherd-admin")),
                              .runtime_directory = runtime_directory_,
                              .environment = environment_,
                              .overrides = config_.overrides};
    admin_ = TRY(AdminProcess::create(loop_, std::move(setup), [this](UniqueFd control) {
      if (auto served = control_->serve(std::move(control)); !served) {
        log::error("admin-control-failed", {{"error", served.error().what}});
      }
    }));
  }
  const Generation& generation = hands_.current();
  admin_->run(std::move(sockets), generation.config.admin, generation.text);
  return {};
}

// The sockets that systemd passed under the name "admin", else those of the configuration; each one
// that is open already is taken again, since nobody can bind it twice.
Result<std::vector<AdminSocket>> Supervisor::admin_sockets(const config::Admin& admin) const {
  std::vector<AdminSocket> sockets;
  if (!admin.enabled) return sockets;
  for (const UniqueFd& passed : hands_.listeners().admin()) {
    sockets.push_back({"", TRY(duplicate(passed.get()))});
  }
  if (!sockets.empty()) return sockets;
  for (const std::string& text : admin.address) {
    auto socket = admin_socket(text);
    if (!socket) return std::move(socket).error().in("admin.address");
    sockets.push_back({text, std::move(socket).value()});
  }
  return sockets;
}

Result<UniqueFd> Supervisor::admin_socket(const std::string& text) const {
  if (admin_) {
    for (const AdminSocket& open : admin_->sockets()) {
      if (open.address == text) return duplicate(open.fd.get());
    }
  }
  const auto address = TRY(sys::SocketAddress::parse(text));
  UniqueFd socket =
      TRY(sys::bind_listener(address, sys::Sharing::Exclusive, kAdminBacklog, kAdminMode));
  const auto bound = TRY(sys::SocketAddress::of_socket(socket.get()));
  log::info("admin-listens", {{"address", bound.text()}});
  return socket;
}

}  // namespace sockherd::supervisor
