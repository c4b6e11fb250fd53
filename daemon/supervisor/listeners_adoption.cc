// The part of Listeners that takes in what was there before us: sockets of units, and what a
// predecessor had systemd keep. By name and by what they are, never by order.
#include <algorithm>

#include "daemon/base/log.h"
#include "daemon/supervisor/listeners.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

constexpr char kAdminName[] = "admin";

std::string describe(const sys::PassedFd& passed) {
  std::string text = "the socket \"" + passed.name + "\" passed by systemd";
  if (auto address = sys::SocketAddress::of_socket(passed.fd.get()); address.ok()) {
    text += " (" + address->text() + ")";
  }
  return text;
}

bool is_passing(int code) {
  return code == ENOMEM || code == ENOBUFS || code == EMFILE || code == ENFILE;
}

bool holds(const Listeners::Group& group, int fd) {
  const uint64_t cookie = sys::socket_cookie(fd);
  return std::any_of(group.sockets.begin(), group.sockets.end(), [cookie](const UniqueFd& socket) {
    return sys::socket_cookie(socket.get()) == cookie;
  });
}

// Whose the first `count` sockets of a group are. None has two.
std::vector<SocketOwner> kept_owners(const std::string& name, size_t count,
                                     const SocketOwners* all) {
  std::vector<SocketOwner> owners;
  if (all == nullptr) {
    for (uint32_t slot = 0; slot < count; ++slot) owners.push_back({.slot = slot});
    return owners;
  }
  const auto found = all->find(name);
  if (found == all->end()) return owners;
  std::set<SocketOwner> seen;
  for (const SocketOwner& owner : found->second) {
    if (owners.size() == count || !seen.insert(owner).second) break;
    owners.push_back(owner);
  }
  return owners;
}

}  // namespace

// Of two with one name. A unit's socket is never put aside: its door would stay closed. Closing
// either would lose who waits there, so the other one is emptied like all leftovers.
void Listeners::put_aside(Inheritance::Spare& spare, Inheritance& from) {
  const KeptName name = slot_name(spare.listener, spare.slot);
  UniqueFd& kept = from.slots.at(spare.listener).at(spare.slot);
  const bool is_listener = sys::check_listener(spare.fd.get()).ok();
  const bool is_units =
      is_listener && std::any_of(from.units.begin(), from.units.end(), [&](const auto& unit) {
        return sys::socket_cookie(unit.fd.get()) == sys::socket_cookie(spare.fd.get());
      });
  if (is_units || (is_listener && !sys::check_listener(kept.get()).ok())) {
    std::swap(kept, spare.fd);
  }
  log::warn("socket-refused", {{"name", name.text()}, {"why", "another one has that name"}});
  store_.forget(name);  // both
  store_.keep(name, kept.get());
  if (sys::check_listener(spare.fd.get()).ok()) leftovers_.push_back(std::move(spare.fd));
}

Result<void> Listeners::adopt(Inheritance& from, const config::Config& config,
                              const SocketOwners* owners) {
  for (Inheritance::Spare& spare : from.spares) put_aside(spare, from);
  for (auto& [name, sockets] : from.slots) TRY(adopt_kept(name, std::move(sockets), owners));
  rename_kept(from, config);
  for (auto& [name, tables] : from.balances) balance_of(name).inherit(std::move(tables));
  for (sys::PassedFd& one : from.units) TRY(adopt_unit_socket(std::move(one), config));
  for (auto& [key, group] : groups_) {
    if (group.adopted.empty()) group.bound = group.address;
  }
  return {};
}

// The sockets that a predecessor had systemd keep, units' ones among them. One that does not belong
// is left out, with all behind it: a socket's number is its place in the kernel's group.
Result<void> Listeners::adopt_kept(const std::string& name, std::map<uint32_t, UniqueFd> sockets,
                                   const SocketOwners* owners) {
  Group group;
  std::string fault;
  for (auto& [slot, fd] : sockets) {
    auto checked = sys::check_listener(fd.get());
    const bool is_listener = checked.ok();
    if (is_listener && !group.sockets.empty()) {
      checked = sys::check_clone(group.sockets.front().get(), fd.get());
    }
    if (checked.ok() && slot != group.sockets.size()) {
      checked = Error{0, "slot " + std::to_string(group.sockets.size()) + " before it is missing"};
    }
    // That says nothing about the socket, and a worker serves there: the next start may go well.
    if (!checked && is_passing(checked.error().code)) {
      return std::move(checked).error().in(slot_name(name, slot).text());
    }
    if (!checked || !fault.empty()) {
      if (fault.empty()) fault = checked.error().what;
      log::warn("socket-refused", {{"name", slot_name(name, slot).text()}, {"why", fault}});
      store_.forget(slot_name(name, slot));
      if (is_listener) leftovers_.push_back(std::move(fd));
      continue;
    }
    if (group.sockets.empty()) group.address = TRY(sys::SocketAddress::of_socket(fd.get()));
    group.sockets.push_back(std::move(fd));
  }
  group.owners = kept_owners(name, group.sockets.size(), owners);
  if (!group.sockets.empty()) groups_.emplace(name, std::move(group));
  return {};
}

// A listener that has another name now is known by its sockets, or by its address.
void Listeners::rename_kept(const Inheritance& from, const config::Config& config) {
  std::map<std::string, std::string> renamed;
  for (const auto& [name, group] : groups_) {
    if (config.find_listener(name) != nullptr) continue;
    for (const sys::PassedFd& unit : from.units) {
      if (config.find_listener(unit.name) != nullptr && holds(group, unit.fd.get())) {
        renamed[name] = unit.name;
      }
    }
    for (const config::Listener& listener : config.listeners) {
      const auto address = sys::SocketAddress::parse(listener.address);
      if (address.ok() && address.value() == group.address) renamed.emplace(name, listener.name);
    }
  }
  for (const auto& [before, after] : renamed) {
    if (!groups_.contains(after)) rename(before, after);
  }
}

void Listeners::rename(const std::string& before, const std::string& after) {
  log::notice("listener-renamed", {{"from", before}, {"to", after}});
  auto group = groups_.extract(before);
  for (size_t slot = 0; slot < group.mapped().sockets.size(); ++slot) {
    // In this order: a socket that is kept already is not kept under a second name (measured).
    store_.forget(slot_name(before, slot));
    store_.keep(slot_name(after, slot), group.mapped().sockets[slot].get());
  }
  group.key() = after;
  groups_.insert(std::move(group));
  renamed_[before] = after;
}

Result<void> Listeners::adopt_unit_socket(sys::PassedFd passed, const config::Config& config) {
  const std::string who = describe(passed);
  if (auto checked = sys::check_listener(passed.fd.get()); !checked) {
    return std::move(checked).error().in(who);
  }
  TRY(sys::make_nonblocking(passed.fd.get()));
  TRY(sys::make_prompt(passed.fd.get()));
  if (passed.name == kAdminName) {
    admin_.push_back(std::move(passed.fd));
    return {};
  }
  if (config.find_listener(passed.name) == nullptr) {
    std::string known;
    for (const config::Listener& listener : config.listeners)
      known += " [listener." + listener.name + "]";
    return Error{0, who + " is claimed by no listener; configured:" +
                        (known.empty() ? " none" : known) + ". Add [listener." + passed.name +
                        "] or set FileDescriptorName= in the socket unit"};
  }
  const sys::SocketAddress address = TRY(sys::SocketAddress::of_socket(passed.fd.get()));
  const auto kept = groups_.find(passed.name);
  if (kept != groups_.end() && kept->second.adopted.empty() && !(kept->second.address == address)) {
    // Of a unit that has moved since. The workers serve there on until they are replaced.
    rename(passed.name, moved_key(passed.name, kept->second.address));
  }
  Group& group = groups_[passed.name];
  const uint64_t cookie = sys::socket_cookie(passed.fd.get());
  for (uint32_t slot = 0; slot < group.sockets.size(); ++slot) {
    if (sys::socket_cookie(group.sockets[slot].get()) != cookie) continue;
    group.adopted.insert(slot);  // it was kept, too
    return {};
  }
  if (group.sockets.empty()) {
    group.address = address;
  } else if (!(group.address == address) || address.is_unix()) {
    return Error{0, who + " has another address than the one before it of the same name, " +
                        group.address.text() +
                        ": give each address a FileDescriptorName= of its own"};
  }
  group.adopted.insert(static_cast<uint32_t>(group.sockets.size()));
  add(passed.name, group, std::move(passed.fd));
  return {};
}

}  // namespace sockherd::supervisor
