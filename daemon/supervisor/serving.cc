// Serving: the part of Hands that says which sockets get new connections, who accepts from them,
// and when nothing can come any more.
#include <algorithm>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/supervisor/hands.h"
#include "daemon/sys/door.h"
#include "daemon/sys/handshakes.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr char kLeftover[] = "leftover";  // what a socket without a listener is called to a worker

}  // namespace

void Hands::carry_out(const fleet::Serve& action) {
  ++steers_;
  std::vector<ServedSlot> served;
  for (const fleet::Served& one : action.slots) {
    const auto worker = running_.find(one.worker);
    if (worker == running_.end()) continue;
    served.push_back({one.worker, worker->second.served()});
  }
  std::vector<fleet::WorkerId> takers;
  for (const ServedSlot& one : served) takers.push_back(one.worker);
  for (ServedSlot& one : served_[action.pool]) {
    if (action.keeps_steering && !one.sockets.empty()) served.push_back(std::move(one));
  }
  relay_.set_takers(action.pool, std::move(takers));
  served_[action.pool] = std::move(served);
  serve_places(action.pool);
  steer();
}

// A listener is served in the slots whose worker has it: in a rollout workers with different
// listeners live side by side, and a listener may move from one pool to another.
void Hands::steer() {
  std::map<std::string, std::set<uint32_t>> members;
  for (const auto& [pool, slots] : served_) {
    for (const ServedSlot& one : slots) {
      for (const auto& [name, numbers] : one.sockets) {
        members[name].insert(numbers.begin(), numbers.end());
      }
    }
  }
  for (const auto& [name, group] : listeners_.groups()) {
    const auto found = members.find(name);
    if (found == members.end() && !had_servers_.contains(name)) continue;
    const auto steered = found == members.end()
                             ? listeners_.park(name)
                             : listeners_.serve(name, {found->second.begin(), found->second.end()});
    // Connections may wait in an unserved socket until its worker is back; nothing is lost by it.
    if (!steered) {
      log::warn("steering-failed", {{"listener", name}, {"error", steered.error().what}});
    }
  }
  had_servers_.clear();
  for (const auto& [name, slots] : members) had_servers_.insert(name);
}

// --- nothing can come any more

void Hands::carry_out(const fleet::AwaitQuiet& action) {
  const auto worker = running_.find(action.id);
  if (worker == running_.end()) return;
  std::vector<uint16_t> ports = ports_of(worker->second);
  for (auto& [number, leaving] : quiet_) {
    // An older watch that still runs must not speak for a worker that was served again since.
    std::erase(leaving.workers, action.id);
    if (worker->second.place) continue;  // it need not wait for what others have in flight
    if (leaving.steer != steers_ || leaving.ports != ports || leaving.watch.has_looked()) continue;
    leaving.workers.push_back(action.id);
    watch_queues(action.id, leaving.watch);
    return;
  }
  const uint64_t number = next_watch_++;
  auto watch = QuietWatch::create(loop_, ports, [this, number] { on_quiet(number); });
  if (!watch) {  // the fleet does not wait for ever
    log::warn("quiet-watch-failed", {{"pool", worker->second.pool}, {"error", watch.error().what}});
    return;
  }
  watch_queues(action.id, watch.value());
  if (worker->second.place) {
    watch.value().add_condition(
        [this, place = *worker->second.place] { return upstreams_.is_quiet(place); });
  }
  quiet_[number] = {steers_, std::move(ports), {action.id}, std::move(watch).value()};
}

std::vector<uint16_t> Hands::ports_of(const Running& worker) const {
  std::vector<uint16_t> ports;
  for (const std::string& name : worker.listeners) {
    const auto group = listeners_.groups().find(name);
    if (group == listeners_.groups().end() || group->second.is_unix()) continue;
    ports.push_back(group->second.address.port());
  }
  return ports;
}

// The queues of its slot, but for those into which connections still come.
void Hands::watch_queues(fleet::WorkerId id, QuietWatch& watch) const {
  const Running& worker = running_.at(id);
  for (const auto& [name, numbers] : worker.sockets) {
    const auto found = listeners_.groups().find(name);
    if (found == listeners_.groups().end() || found->second.is_unix()) continue;
    const Listeners::Group& group = found->second;
    const auto& served = group.served;
    for (const uint32_t number : numbers) {
      const bool gets_more = group.is_parked
                                 ? group.adopted.contains(number)
                                 : std::find(served.begin(), served.end(), number) != served.end();
      const int socket = listeners_.find_socket(name, number);
      if (!gets_more && socket >= 0) watch.add_queue(socket);
    }
  }
}

void Hands::on_quiet(uint64_t number) {
  const auto found = quiet_.find(number);
  if (found == quiet_.end()) return;
  const std::vector<fleet::WorkerId> workers = std::move(found->second.workers);
  quiet_.erase(found);
  for (const fleet::WorkerId id : workers) post_(fleet::WorkerQuiet{id});
}

// --- slots of siblings

void Hands::carry_out(const fleet::Lend& action) {
  tell_of_slot(action.to, contract::Verb::Take, action.slot);
}

void Hands::carry_out(const fleet::TakeBack& action) {
  tell_of_slot(action.from, contract::Verb::Drop, action.slot);
}

void Hands::tell_of_slot(fleet::WorkerId to, contract::Verb verb, uint32_t slot) {
  const auto worker = running_.find(to);
  if (worker == running_.end()) return;
  for (const std::string& name : worker->second.listeners) {
    for (const uint32_t number : listeners_.numbers(name, slot)) tell(to, verb, name, number);
  }
}

void Hands::tell(fleet::WorkerId to, contract::Verb verb, const std::string& listener,
                 uint32_t number) {
  const auto group = listeners_.groups().find(listener);
  const int socket = listeners_.find_socket(listener, number);
  if (socket < 0 || group->second.is_unix()) return;  // that one all of them share
  const WorkerProcess& worker = *running_.at(to).process;
  const auto told =
      worker.tell({verb, listener, number}, verb == contract::Verb::Drop ? -1 : socket);
  if (told.ok()) return;
  // What waits there waits on, for the slot's own worker.
  const auto& owners = group->second.owners;
  const uint32_t slot = number < owners.size() ? owners[number].slot : number;
  log::warn(
      "take-over-failed",
      {{"listener", listener}, {"slot", slot}, {"socket", number}, {"error", told.error().what}});
}

// --- sockets that nobody attends to

void Hands::retire(std::vector<UniqueFd> sockets) {
  for (UniqueFd& socket : sockets) {
    auto address = sys::SocketAddress::of_socket(socket.get());
    if (!address.ok()) continue;
    // Without the privilege for it somebody new may still come, until a moment without anybody.
    [[maybe_unused]] const auto closed = sys::close_door(socket.get());
    const uint64_t number = next_watch_++;
    auto watch = QuietWatch::create(loop_, {address.value().port()},
                                    [this, number] { retiring_.erase(number); });
    if (!watch) continue;
    watch.value().add_queue(socket.get());
    retiring_[number] = {std::move(socket), std::move(address).value(), std::move(watch).value()};
  }
}

void Hands::sweep(const std::map<fleet::WorkerId, fleet::Worker>& workers) {
  listeners_.look_after_balance(current().config);
  groups_.sweep(monotonic_now());
  relays_.count_all();
  const std::set<std::string> used = used_listeners(workers);
  sweep_leftovers(used);
  const auto attended = attended_sockets(workers);
  std::set<std::string> kept = used;
  for (const auto& [name, group] : listeners_.groups()) {
    const bool is_used = used.contains(name);
    if (group.is_unix()) {
      if (!is_used) [[maybe_unused]]
        const auto parked = listeners_.park(name);
      continue;
    }
    if (const config::Pool* pool = command_pool_of(name)) {
      relay_queues(*pool, name, group, workers);  // the engine would answer what is not for it
    } else {
      sweep_group(name, group, attended, is_used);
    }
    if (!is_used && !close_if_empty(name, group)) kept.insert(name);
  }
  listeners_.keep_only(kept);
}

// Listeners of the configuration in force, of those that a reload is about to bring, and of whoever
// still accepts.
std::set<std::string> Hands::used_listeners(
    const std::map<fleet::WorkerId, fleet::Worker>& workers) const {
  std::set<std::string> used;
  for (const auto& [number, generation] : generations_) {
    if (number != current_ && !planned_.contains(number)) continue;
    for (const config::Listener& listener : generation.config.listeners) {
      used.insert(listeners_.key_of(listener));
    }
  }
  for (const auto& [id, worker] : workers) {
    if (worker.phase == fleet::Phase::Draining) continue;  // it has let go of its listeners
    used.insert(worker.listeners.begin(), worker.listeners.end());
  }
  return used;
}

Hands::Sockets Hands::attended_sockets(
    const std::map<fleet::WorkerId, fleet::Worker>& workers) const {
  Sockets attended;
  for (const auto& [id, worker] : workers) {
    const auto running = running_.find(id);
    if (worker.phase == fleet::Phase::Draining || running == running_.end()) continue;
    for (const auto& [name, numbers] : running->second.sockets) {
      for (const uint32_t number : numbers) attended.insert({name, number});
    }
  }
  return attended;
}

// Who comes to the address of a listener that is in use wants its pool, whatever the socket.
void Hands::sweep_leftovers(const std::set<std::string>& used) {
  for (const auto& [number, retiring] : retiring_) {
    const auto group = std::find_if(
        listeners_.groups().begin(), listeners_.groups().end(), [&](const auto& entry) {
          return used.contains(entry.first) && entry.second.address == retiring.address;
        });
    const bool is_anybodys = group == listeners_.groups().end();
    const auto* pool = is_anybodys ? nullptr : command_pool_of(group->first);
    if (pool != nullptr) {
      relay_queue(*pool, group->first, {kLeftover, static_cast<uint32_t>(number)}, retiring.socket);
      continue;
    }
    if (sys::accept_queue(retiring.socket.get()).length == 0) continue;
    const auto helper = is_anybodys ? find_any_helper() : find_helper(group->first);
    if (!helper) continue;
    [[maybe_unused]] const auto told = running_.at(*helper).process->tell(
        {contract::Verb::Empty, kLeftover, static_cast<uint32_t>(number)}, retiring.socket.get());
  }
}

void Hands::sweep_group(const std::string& name, const Listeners::Group& group,
                        const Sockets& attended, bool is_used) {
  for (uint32_t number = 0; number < group.sockets.size(); ++number) {
    // What comes to a unit's socket that nobody claims any more waits for a configuration that
    // does.
    if (attended.contains({name, number}) || (group.is_parked && group.adopted.contains(number))) {
      continue;
    }
    if (sys::accept_queue(group.sockets[number].get()).length == 0) continue;
    auto helper = find_helper(name);
    // Of a listener that is wanted no more. Else they wait: another pool has other answers.
    if (!helper && !is_used) helper = find_any_helper();
    if (!helper) return;
    tell(*helper, contract::Verb::Empty, name, number);
  }
}

// Closed one round after its door, when nobody is under way to it any more. Returns whether that is
// now.
bool Hands::close_if_empty(const std::string& name, const Listeners::Group& group) {
  auto under_way = sys::handshakes_under_way(group.address.port());
  const bool is_empty = std::all_of(
      group.sockets.begin(), group.sockets.end(),
      [](const UniqueFd& socket) { return sys::accept_queue(socket.get()).length == 0; });
  const bool is_over = group.is_parked && is_empty && under_way.ok() && under_way.value().empty();
  if (const auto parked = listeners_.park(name); !parked) {
    log::warn("steering-failed", {{"listener", name}, {"error", parked.error().what}});
  }
  return is_over;
}

// A worker that serves this listener and can be asked.
std::optional<fleet::WorkerId> Hands::find_helper(const std::string& listener) const {
  return find_helper_if([&listener](const Running& worker) {
    const auto& names = worker.listeners;
    return std::find(names.begin(), names.end(), listener) != names.end();
  });
}

std::optional<fleet::WorkerId> Hands::find_any_helper() const {
  return find_helper_if([](const Running&) { return true; });
}

std::optional<fleet::WorkerId> Hands::find_helper_if(
    const std::function<bool(const Running&)>& may_help) const {
  for (const auto& [pool, slots] : served_) {
    for (const ServedSlot& one : slots) {
      const auto worker = running_.find(one.worker);
      if (worker == running_.end() || worker->second.process->control_fd() < 0) continue;
      if (may_help(worker->second)) return one.worker;
    }
  }
  return std::nullopt;
}

}  // namespace sockherd::supervisor
