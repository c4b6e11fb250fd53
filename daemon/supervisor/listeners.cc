#include "daemon/supervisor/listeners.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "daemon/base/assert.h"
#include "daemon/base/log.h"
#include "daemon/sys/door.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/steering.h"

namespace sockherd::supervisor {
namespace {

// A node that nobody listens at would only puzzle people; that of an adopted socket is systemd's.
void remove_node(const Listeners::Group& group) {
  if (group.bound && group.is_unix()) ::unlink(std::string(group.address.path()).c_str());
}

// What the configuration asks for; a port 0 is any port.
bool is_address_of(const sys::SocketAddress& wanted, const sys::SocketAddress& bound) {
  if (wanted == bound) return true;
  const std::string text = bound.text();
  return !wanted.is_unix() && wanted.port() == 0 &&
         wanted.text() == text.substr(0, text.rfind(':')) + ":0";
}

}  // namespace

// --- what we make

std::string moved_key(const std::string& name, const sys::SocketAddress& address) {
  std::string key = name + "@" + address.text();
  std::replace(key.begin(), key.end(), ':', '_');  // which a name of a descriptor can not have
  return key;
}

std::string Listeners::key_of(const config::Listener& listener) const {
  const auto address = sys::SocketAddress::parse(listener.address);
  for (const auto& [key, group] : groups_) {
    if (!address.ok() || !group.bound) continue;
    // Any port is another one for each listener.
    const bool is_ours = key == listener.name || address.value().port() != 0 || group.is_unix();
    if (is_ours && is_address_of(address.value(), *group.bound)) return key;
  }
  const auto same = groups_.find(listener.name);
  const bool is_meant = same != groups_.end() && (!same->second.bound || listener.address.empty());
  return is_meant ? listener.name : "";  // a unit's socket moves with its unit
}

Result<void> Listeners::ensure(const config::Listener& listener, uint32_t slots, uint32_t threads) {
  std::string key = key_of(listener);
  if (!key.empty() && groups_.at(key).is_parked && groups_.at(key).bound &&
      groups_.at(key).is_unix()) {
    groups_.erase(std::exchange(key, ""));  // its node is gone, and cannot come back
  }
  if (key.empty()) {
    Group made = TRY(bind_group(listener));
    UniqueFd first = std::move(made.sockets.front());
    made.sockets.clear();
    key = groups_.contains(listener.name) ? moved_key(listener.name, made.address) : listener.name;
    add(key, groups_.emplace(key, std::move(made)).first->second, std::move(first));
  }
  Group& group = groups_.at(key);
  if (group.is_unix()) return {};
  if (group.is_parked && group.bound) {
    for (const UniqueFd& socket : group.sockets) {
      if (sys::open_door(socket.get()).ok()) continue;
      return Error{EBUSY, "listener " + listener.name + ": " + group.address.text() +
                              " was given up a moment ago, and its queues are still being emptied:"
                              " reload once more in a second"};
    }
    group.is_parked = false;
  }
  Balance& balance = balance_of(key);
  balance.prepare(listener.balance);
  if (balance.wanted().empty()) balance.want(listener.balance);
  if (auto grown = grow(key, group, slots, threads); !grown) {
    return std::move(grown).error().in("listener " + listener.name);
  }
  return {};
}

Result<Listeners::Group> Listeners::bind_group(const config::Listener& listener) const {
  if (listener.address.empty()) {
    return Error{0, "listener " + listener.name +
                        " has no address, and systemd passed no socket of that name: set address ="
                        " or FileDescriptorName=" +
                        listener.name + " in a socket unit"};
  }
  Group group;
  group.bound = TRY(sys::SocketAddress::parse(listener.address));
  group.sockets.push_back(TRY(sys::bind_listener(*group.bound, sys::Sharing::ReusePort,
                                                 static_cast<int>(listener.backlog),
                                                 static_cast<mode_t>(listener.mode))));
  const int socket = group.sockets.front().get();
  group.address = TRY(sys::SocketAddress::of_socket(socket));  // port 0 has become a number
  return group;
}

// Gives each of them a socket: one that is nobody's yet, or a clone.
Result<void> Listeners::grow(const std::string& name, Group& group, uint32_t slots,
                             uint32_t threads) {
  const std::set<SocketOwner> owners(group.owners.begin(), group.owners.end());
  for (SocketOwner owner{.lane = 0}; owner.lane < threads; ++owner.lane) {
    for (owner.slot = 0; owner.slot < slots; ++owner.slot) {
      if (owners.contains(owner)) continue;
      if (group.owners.size() == group.sockets.size()) {
        if (auto added = add_clone(name, group); !added) {
          return std::move(added).error().in("socket for slot " + std::to_string(owner.slot));
        }
      }
      group.owners.push_back(owner);
    }
  }
  return {};
}

// Masked where others are served already.
Result<void> Listeners::add_clone(const std::string& name, Group& group) {
  const size_t number = group.sockets.size();
  if (number == sys::Balancer::kMostSlots) {
    return Error{0, "there are " + std::to_string(number) +
                        " already, those of threads and workers of before among them; a restart of"
                        " the socket and the service begins anew"};
  }
  const bool is_masking = !group.served.empty();
  // A single socket that was bound without SO_REUSEPORT has no group to steer before its first
  // clone has joined; what comes to that one in between waits there for its worker.
  const bool has_group = number > 1 || group.bound;
  const auto mask = [&]() -> Result<void> {
    return balance_of(name).steer(group.sockets, group.served, number + 1);
  };
  if (is_masking && has_group) TRY(mask());
  add(name, group, TRY(sys::clone_listener(group.sockets.front().get())));
  if (is_masking && !has_group) TRY(mask());
  return {};
}

void Listeners::add(const std::string& name, Group& group, UniqueFd socket) {
  store_.keep(slot_name(name, group.sockets.size()), socket.get());
  group.sockets.push_back(std::move(socket));
}

void Listeners::drop_from(const std::string& name, Group& group, size_t first) {
  for (size_t slot = first; slot < group.sockets.size(); ++slot) {
    store_.forget(slot_name(name, slot));
  }
  group.sockets.resize(std::min(first, group.sockets.size()));
  group.owners.resize(std::min(first, group.owners.size()));
  if (!group.is_unix()) balance_of(name).forget_from(first);
}

std::vector<uint32_t> Listeners::numbers(const std::string& name, uint32_t slot) const {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return {};
  const Group& group = found->second;
  if (group.is_unix()) return {slot};
  std::map<uint32_t, uint32_t> by_lane;
  for (uint32_t number = 0; number < group.owners.size(); ++number) {
    const SocketOwner& owner = group.owners[number];
    if (owner.slot == slot) by_lane[owner.lane] = number;
  }
  std::vector<uint32_t> numbers;
  for (const auto& [lane, number] : by_lane) numbers.push_back(number);
  return numbers;
}

SocketOwners Listeners::owners() const {
  SocketOwners owners;
  for (const auto& [name, group] : groups_) {
    if (!group.is_unix()) owners[name] = group.owners;
  }
  return owners;
}

int Listeners::find_socket(const std::string& name, uint32_t number) const {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return -1;
  const Group& group = found->second;
  if (group.is_unix()) return group.sockets.front().get();
  return number < group.sockets.size() ? group.sockets[number].get() : -1;
}

int Listeners::socket(const std::string& name, uint32_t number) const {
  const int fd = find_socket(name, number);
  SH_ASSERT(fd >= 0);
  return fd;
}

// --- who gets what

Result<void> Listeners::serve(const std::string& name, const std::vector<uint32_t>& numbers) {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return {};
  Group& group = found->second;
  if (group.is_unix()) {
    group.served = numbers;
    return {};
  }
  if (std::exchange(group.is_parked, false)) {
    for (const UniqueFd& socket : group.sockets) TRY(sys::open_door(socket.get()));
  }
  if (group.served == numbers) return {};
  group.served = numbers;
  return steer(name, group);
}

std::vector<uint32_t> Listeners::members_of(const Group& group) {
  std::vector<uint32_t> members;
  if (group.is_parked) {
    members.assign(group.adopted.begin(), group.adopted.end());
  } else {
    // The kernel takes a number beyond the group for a failure of the program, and hashes over all.
    std::copy_if(group.served.begin(), group.served.end(), std::back_inserter(members),
                 [&group](uint32_t number) { return number < group.sockets.size(); });
  }
  // In the order of slots and their threads, as threads are pinned: `cpu` counts through them.
  std::stable_sort(members.begin(), members.end(), [&group](uint32_t a, uint32_t b) {
    const size_t known = group.owners.size();
    return a < known && b < known ? group.owners[a] < group.owners[b] : a < b;
  });
  return members;
}

Result<void> Listeners::steer(const std::string& name, const Group& group) {
  return balance_of(name).steer(group.sockets, members_of(group), group.sockets.size());
}

Result<void> Listeners::aim(const std::string& name, sys::Aim aim) {
  const auto found = groups_.find(name);
  if (found == groups_.end()) return Error{ENOENT, "there is no listener " + name};
  Group& group = found->second;
  if (group.is_unix() || aim.number >= group.sockets.size()) {
    return Error{EINVAL, "a connection to " + name + " cannot be aimed"};
  }
  if (group.is_aimed) return Error{EBUSY, "another connection to " + name + " is being aimed"};
  if (group.sockets.size() > 1) {
    TRY(balance_of(name).aim(group.sockets, members_of(group), aim));
  }
  group.is_aimed = true;
  return {};
}

void Listeners::end_aim(const std::string& name) {
  const auto found = groups_.find(name);
  if (found == groups_.end() || !std::exchange(found->second.is_aimed, false)) return;
  if (found->second.sockets.size() == 1) return;
  if (const auto steered = steer(name, found->second); !steered) {
    log::warn("steering-failed", {{"listener", name}, {"error", steered.error().what}});
  }
}

sys::SocketAddress Listeners::inside_address(const std::string& name) const {
  const sys::SocketAddress& address = groups_.at(name).address;
  const std::string text = address.text();
  const std::string port = text.substr(text.rfind(':') + 1);
  for (const auto& [any, inside] : {std::pair("0.0.0.0:", "127.0.0.1:"), {"[::]:", "[::1]:"}}) {
    if (text != any + port) continue;
    auto parsed = sys::SocketAddress::parse(inside + port);
    if (parsed.ok()) return std::move(parsed).value();
  }
  return address;
}

Result<void> Listeners::park(const std::string& name) {
  const auto found = groups_.find(name);
  if (found == groups_.end() || found->second.is_parked) return {};
  Group& group = found->second;
  group.is_parked = true;
  group.served.clear();
  if (group.is_unix()) {
    remove_node(group);
    return {};
  }
  if (group.adopted.empty()) {
    for (const UniqueFd& socket : group.sockets) TRY(sys::close_door(socket.get()));
    return {};
  }
  return steer(name, group);
}

// --- balance

Balance& Listeners::balance_of(const std::string& name) {
  return balances_.try_emplace(name, store_, name).first->second;
}

const Balance* Listeners::balance(const std::string& name) const {
  const auto found = balances_.find(name);
  return found == balances_.end() ? nullptr : &found->second;
}

void Listeners::look_after_balance(const config::Config& config) {
  constexpr unsigned kLooksToSettle = 5;  // what drifts, drifts slowly
  const bool is_settling = ++looks_ % kLooksToSettle == 0;
  for (const auto& [name, group] : groups_) {
    if (group.is_unix()) continue;
    Balance& balance = balance_of(name);
    const auto listener =
        std::find_if(config.listeners.begin(), config.listeners.end(),
                     [&, &key = name](const auto& l) { return key_of(l) == key; });
    const bool has_changed = listener != config.listeners.end() && balance.want(listener->balance);
    const bool is_steered = group.is_parked || !group.served.empty();
    if (is_steered && (has_changed || balance.is_retry_due())) {
      if (auto steered = steer(name, group); !steered) {
        log::warn("steering-failed", {{"listener", name}, {"error", steered.error().what}});
      }
    }
    if (is_settling) balance.settle(group.sockets, group.address.port());
  }
}

Listeners::~Listeners() {
  for (const auto& [name, group] : groups_) remove_node(group);
}

void Listeners::forget_clones() {
  for (auto& [name, group] : groups_) {
    for (uint32_t number = 0; number < group.sockets.size(); ++number) {
      if (!group.adopted.contains(number)) store_.forget(slot_name(name, number));
    }
  }
}

void Listeners::keep_only(const std::set<std::string>& names) {
  for (auto& [name, group] : groups_) {
    if (names.contains(name)) continue;
    // The units' ones come first, unless a unit was restarted since.
    drop_from(name, group, group.adopted.empty() ? 0 : *group.adopted.rbegin() + 1);
  }
  std::erase_if(groups_, [](const auto& g) { return g.second.sockets.empty(); });
  for (auto balance = balances_.begin(); balance != balances_.end();) {
    if (groups_.contains(balance->first)) {
      ++balance;
      continue;
    }
    balance->second.release();
    balance = balances_.erase(balance);
  }
}

}  // namespace sockherd::supervisor
