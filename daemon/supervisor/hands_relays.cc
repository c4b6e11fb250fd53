// Relays: the part of Hands that finds queues of commands that nobody empties.
#include <algorithm>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/supervisor/hands.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {

// As it is configured now; null for a listener of the engine, and for one that nobody serves.
const config::Pool* Hands::command_pool_of(const std::string& listener) const {
  for (const config::Pool& pool : current().config.pools) {
    if (pool.command.empty()) continue;
    for (const std::string& name : pool.listeners) {
      if (listeners_.key_of(*current().config.find_listener(name)) == listener) return &pool;
    }
  }
  return nullptr;
}

// Whether what is passed on gets to somebody: not back into this queue.
bool Hands::is_served_elsewhere(const config::Pool& pool, const std::string& listener,
                                uint32_t number) const {
  const auto served = served_.find(pool.name);
  const auto group = listeners_.groups().find(listener);
  if (served == served_.end() || group == listeners_.groups().end()) return false;
  const auto& steered = group->second.served;
  if (std::find(steered.begin(), steered.end(), number) != steered.end()) return false;
  return std::any_of(served->second.begin(), served->second.end(), [&](const ServedSlot& one) {
    return running_.contains(one.worker) && one.sockets.contains(listener);
  });
}

void Hands::relay_queues(const config::Pool& pool, const std::string& name,
                         const Listeners::Group& group,
                         const std::map<fleet::WorkerId, fleet::Worker>& workers) {
  std::set<uint32_t> attended;
  for (const auto& [id, worker] : workers) {
    const auto running = running_.find(id);
    if (worker.phase != fleet::Phase::Ready || running == running_.end()) continue;
    const auto numbers = running->second.sockets.find(name);
    if (numbers == running->second.sockets.end()) continue;
    attended.insert(numbers->second.begin(), numbers->second.end());
  }
  for (uint32_t number = 0; number < group.sockets.size(); ++number) {
    if (attended.contains(number)) {
      relays_.leave({name, number});
      continue;
    }
    if (is_served_elsewhere(pool, name, number)) {
      relay_queue(pool, name, {name, number}, group.sockets[number]);
    } else {
      relays_.forget({name, number});
    }
  }
}

// One queue at the address of a listener.
void Hands::relay_queue(const config::Pool& pool, const std::string& listener,
                        const QueueRelays::Socket& socket, const UniqueFd& fd) {
  if (sys::accept_queue(fd.get()).length == 0) return relays_.forget(socket);
  const auto looked =
      relays_.look(socket, pool.name, fd.get(), listeners_.groups().at(listener).address,
                   pool.adopt_after, monotonic_now());
  if (looked.ok()) return;
  log::warn("queue-relay-failed", {{"pool", pool.name}, {"error", looked.error().what}});
}

}  // namespace sockherd::supervisor
