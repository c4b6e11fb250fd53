// Binds: the part of Hands that gives programs which bind their listeners by themselves the sockets
// of their slots (bind_keeper.h).
#include <algorithm>
#include <csignal>

#include "daemon/base/log.h"
#include "daemon/config/commands.h"
#include "daemon/supervisor/hands.h"

namespace sockherd::supervisor {

// What HOST and PORT say: the address of its own, or that of its first listener of TCP.
std::optional<sys::SocketAddress> Hands::address_to_bind(const config::Pool& pool,
                                                         const Running& running) const {
  if (running.own && !running.own->address.is_unix()) return running.own->address;
  if (config::handover_of(pool) != config::Handover::ReusePort) return std::nullopt;
  for (const std::string& name : running.listeners) {
    const Listeners::Group& group = listeners_.groups().at(name);
    if (!group.is_unix()) return group.address;
  }
  return std::nullopt;
}

void Hands::watch_binds(fleet::WorkerId id, Running& running) {
  UniqueFd report = running.process->take_bind_report();
  if (!report) return;
  auto keeper = BindKeeper::create(loop_, std::move(report), bind_callbacks(id));
  if (keeper.ok()) {
    running.binds = std::move(keeper).value();
  } else {
    log::warn("bind-watch-failed", {{"pool", running.pool}, {"error", keeper.error().what}});
  }
}

void Hands::adopt_binds(fleet::WorkerId id, UniqueFd listener, Running& running) {
  auto keeper = BindKeeper::adopt(loop_, std::move(listener), bind_callbacks(id));
  if (keeper.ok()) {
    running.binds = std::move(keeper).value();
  } else {
    log::warn("bind-watch-failed", {{"pool", running.pool}, {"error", keeper.error().what}});
  }
}

BindKeeper::Callbacks Hands::bind_callbacks(fleet::WorkerId id) {
  return {.offers = [this, id] { return offers_to(id); },
          .watching =
              [this, id](int listener) {
                store_.keep({Kept::Binds, id, ""}, listener);
              },
          .listening = [this, id] { on_listening(id); },
          .refused = [this, id](const Error& error) { on_bind_refused(id, error); },
          .missed = [this, id](const Error& error) { on_bind_missed(id, error); }};
}

std::vector<BindKeeper::Offer> Hands::offers_to(fleet::WorkerId id) const {
  std::vector<BindKeeper::Offer> offers;
  const auto found = running_.find(id);
  if (found == running_.end()) return offers;
  for (const auto& [name, numbers] : found->second.sockets) {
    const auto group = listeners_.groups().find(name);
    if (group == listeners_.groups().end() || group->second.is_unix() || numbers.empty()) continue;
    const int socket = listeners_.find_socket(name, numbers.front());
    if (socket < 0) continue;
    offers.push_back(
        {group->second.address, socket, is_used_by_its_like(id, name, numbers.front())});
  }
  return offers;
}

// Whether another worker has the same socket, and the same program.
bool Hands::is_used_by_its_like(fleet::WorkerId id, const std::string& listener,
                                uint32_t number) const {
  const Running& ours = running_.at(id);
  return std::any_of(running_.begin(), running_.end(), [&](const auto& entry) {
    const auto& [other, running] = entry;
    const auto sockets = running.sockets.find(listener);
    return other != id && running.pool == ours.pool &&
           (running.program == ours.program || running.program.empty()) && running.binds &&
           running.binds->replaced() > 0 && sockets != running.sockets.end() &&
           std::find(sockets->second.begin(), sockets->second.end(), number) !=
               sockets->second.end();
  });
}

void Hands::on_listening(fleet::WorkerId id) {
  readiness_.listens(id);
}

// It must not serve: beside its own socket ours would get a share of the connections, which nobody
// accepts. Said once a pool: it will be the same for all of it.
void Hands::on_bind_refused(fleet::WorkerId id, const Error& error) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  found->second.process->send(SIGKILL);
  if (!alone_.insert(found->second.pool).second) return;
  log::error("bind-watch-refused",
             {{"pool", found->second.pool},
              {"why", error.what},
              {"remedy", "use handover = \"listen-fds\" or \"private-port\" here"}});
}

void Hands::on_bind_missed(fleet::WorkerId id, const Error& error) {
  const auto found = running_.find(id);
  if (found == running_.end() || std::exchange(found->second.has_missed_bind, true)) return;
  log::warn("bind-not-seen", {{"pool", found->second.pool},
                              {"slot", found->second.slot},
                              {"pid", found->second.process->pid()},
                              {"why", error.what}});
}

}  // namespace sockherd::supervisor
