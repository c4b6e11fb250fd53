#include "daemon/supervisor/connection_relay.h"

#include <algorithm>
#include <utility>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/sys/packet_socket.h"

namespace sockherd::supervisor {
namespace {

using contract::Message;
using contract::Verb;

// How long takers with enough to read, and pools without a taker, are left alone. A worker takes
// what its socket holds in about that time.
constexpr Duration kPause = std::chrono::milliseconds(2);

// A worker knows a listener by its name, or by the key of its group.
bool is_key_of(const std::string& key, const std::string& name) {
  return key == name || key.starts_with(name + "@");
}

bool has_socket(const ConnectionRelay::Peer& peer, const std::string& key, uint32_t number) {
  const auto numbers = peer.sockets.find(key);
  return numbers != peer.sockets.end() &&
         std::find(numbers->second.begin(), numbers->second.end(), number) != numbers->second.end();
}

Result<void> tell(const ConnectionRelay::Peer& peer, Verb verb, const Message& about, int fd) {
  Message message = about;
  message.verb = verb;
  return sys::send_packet(peer.control, contract::encode(message), fd);
}

}  // namespace

void ConnectionRelay::add(fleet::WorkerId id, Peer peer) {
  known_[id] = {id, std::move(peer), std::nullopt};
}

void ConnectionRelay::remove(fleet::WorkerId id) {
  const auto found = known_.find(id);
  if (found == known_.end()) return;
  std::erase(pools_[found->second.peer.pool].takers, id);
  waiting_.erase(id);
  if (found->second.held) gone_.push_back(std::move(found->second));
  known_.erase(found);
}

void ConnectionRelay::set_takers(const std::string& pool, std::vector<fleet::WorkerId> takers) {
  Pool& changed = pools_[pool];
  changed.is_ending = takers.empty();
  changed.takers = std::move(takers);
  if (!changed.is_ending) return;
  for (const auto& [id, known] : known_) {
    if (known.peer.pool != pool) continue;
    const Message about{.listener = pool,
                        .slot = known.peer.slot};  // a pool without listeners has this one, too
    [[maybe_unused]] const auto told = tell(known.peer, Verb::Keep, about, -1);
  }
}

void ConnectionRelay::prepare(fleet::WorkerId id) {
  const auto found = known_.find(id);
  if (found == known_.end()) return;
  const Peer& peer = found->second.peer;
  if (pools_[peer.pool].is_ending) return;
  // One that hears nothing ends its connections by itself.
  [[maybe_unused]] const auto told =
      tell(peer, Verb::Move, {.listener = peer.pool, .slot = peer.slot}, -1);
}

bool ConnectionRelay::has_taker(fleet::WorkerId giver, const Pool& pool) const {
  return std::any_of(pool.takers.begin(), pool.takers.end(),
                     [&](fleet::WorkerId id) { return id != giver && known_.contains(id); });
}

bool ConnectionRelay::may_take_message(fleet::WorkerId id) {
  const auto found = known_.find(id);
  if (found == known_.end()) return true;
  Known& known = found->second;
  if (known.held) settle(known, *std::exchange(known.held, std::nullopt));
  if (known.held) return false;
  const Pool& pool = pools_[known.peer.pool];
  const bool has_room =
      pool.is_ending || std::any_of(pool.takers.begin(), pool.takers.end(), [&](auto taker) {
        const auto peer = known_.find(taker);
        return taker != id && peer != known_.end() && sys::has_room(peer->second.peer.control);
      });
  if (!has_room) wait(id);
  return has_room || !waiting_.contains(id);
}

void ConnectionRelay::on_message(fleet::WorkerId id, const Message& message, UniqueFd fd) {
  const auto found = known_.find(id);
  if (message.verb != Verb::Give || !fd || found == known_.end()) return;
  settle(found->second, {message, std::move(fd)});
}

void ConnectionRelay::settle(Known& giver, Connection connection) {
  switch (place(giver, connection)) {
    case Outcome::Placed:
      break;
    case Outcome::Later:
      giver.held = std::move(connection);
      wait(giver.id);
      break;
    case Outcome::Nobody:
      hand_back(giver.peer, connection);
      break;
  }
}

ConnectionRelay::Outcome ConnectionRelay::place(const Known& giver, const Connection& connection) {
  const Pool& pool = pools_[giver.peer.pool];
  if (pool.is_ending) return Outcome::Nobody;
  if (!has_taker(giver.id, pool)) return Outcome::Later;
  const std::vector<const Peer*> takers = takers_for(giver, connection.given);
  for (const Peer* taker : takers) {
    if (!sys::has_room(taker->control)) continue;
    // One that fails is about to be reported as ended.
    const auto told = tell(*taker, Verb::Adopt, connection.given, connection.fd.get());
    if (told.ok()) return Outcome::Placed;
  }
  return takers.empty() ? Outcome::Nobody : Outcome::Later;
}

// The best one first.
std::vector<const ConnectionRelay::Peer*> ConnectionRelay::takers_for(const Known& giver,
                                                                      const Message& given) {
  const Peer& from = giver.peer;
  const auto key = std::find_if(from.listeners.begin(), from.listeners.end(),
                                [&](const auto& each) { return is_key_of(each, given.listener); });
  Pool& pool = pools_[from.pool];
  std::vector<const Peer*> takers;
  for (const fleet::WorkerId id : pool.takers) {
    const auto found = known_.find(id);
    if (id == giver.id || found == known_.end()) continue;
    const auto& listeners = found->second.peer.listeners;
    // What came from a socket that is no listener's any more, all can serve.
    const bool has_it = key == from.listeners.end() ||
                        std::find(listeners.begin(), listeners.end(), *key) != listeners.end();
    if (has_it) takers.push_back(&found->second.peer);
  }
  if (takers.empty()) return takers;
  const auto owner = std::find_if(takers.begin(), takers.end(), [&](const Peer* peer) {
    return key != from.listeners.end() && has_socket(*peer, *key, given.slot);
  });
  const auto first =
      owner != takers.end()
          ? owner
          : takers.begin() + static_cast<std::ptrdiff_t>(pool.turn++ % takers.size());
  std::rotate(takers.begin(), first, takers.end());
  return takers;
}

// A worker that drains keeps what it is told to adopt: it serves it, and ends it in the usual way.
void ConnectionRelay::hand_back(const Peer& giver, const Connection& connection) {
  const auto told = tell(giver, Verb::Adopt, connection.given, connection.fd.get());
  if (told.ok() || std::exchange(has_complained_, true)) return;
  log::warn("connection-dropped",
            {{"pool", giver.pool}, {"error", told.error().what}, {"further", "not logged"}});
}

void ConnectionRelay::wait(fleet::WorkerId giver) {
  if (!timer_) {
    auto timer = Watch::timer(loop_, [this] { go_on(); });
    if (!timer.ok()) return;  // out of memory: then it is not to wait
    timer_ = std::move(timer).value();
  }
  waiting_.insert(giver);
  timer_.arm(monotonic_now() + kPause);
}

void ConnectionRelay::go_on() {
  for (Known& giver : std::exchange(gone_, {})) {
    settle(giver, *std::exchange(giver.held, std::nullopt));
    if (giver.held) gone_.push_back(std::move(giver));
  }
  for (const fleet::WorkerId id : std::exchange(waiting_, {})) {
    const auto found = known_.find(id);
    if (found != known_.end() && !found->second.peer.listen_again()) wait(id);
  }
}

}  // namespace sockherd::supervisor
