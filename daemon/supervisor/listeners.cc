#include "daemon/supervisor/listeners.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "daemon/base/assert.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/steering.h"

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

// A node that nobody listens at would only puzzle people; that of an adopted socket is systemd's.
void remove_node(const Listeners::Group& group) {
  if (group.bound && group.is_unix()) ::unlink(std::string(group.address.path()).c_str());
}

}  // namespace

Result<void> Listeners::adopt(std::vector<sys::PassedFd> passed, const config::Config& config) {
  for (sys::PassedFd& one : passed) TRY(adopt_one(std::move(one), config));
  for (auto& [name, group] : groups_) {
    if (!group.is_unix()) TRY(sys::stop_steering(group.sockets.front().get()));
  }
  return {};
}

Result<void> Listeners::adopt_one(sys::PassedFd passed, const config::Config& config) {
  const std::string who = describe(passed);
  if (auto checked = sys::check_listener(passed.fd.get()); !checked) {
    return std::move(checked).error().in(who);
  }
  TRY(sys::make_nonblocking(passed.fd.get()));
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
  Group& group = groups_[passed.name];
  if (group.sockets.empty()) {
    group.address = address;
  } else if (!(group.address == address) || address.is_unix()) {
    return Error{0, who + " has another address than the one before it of the same name, " +
                        group.address.text() +
                        ": give each address a FileDescriptorName= of its own"};
  }
  group.sockets.push_back(std::move(passed.fd));
  group.adopted = static_cast<uint32_t>(group.sockets.size());
  return {};
}

Result<void> Listeners::ensure(const config::Listener& listener, uint32_t slots) {
  auto found = groups_.find(listener.name);
  if (found == groups_.end()) {
    found = groups_.emplace(listener.name, TRY(bind_group(listener))).first;
  } else {
    TRY(check_unmoved(listener, found->second));
  }
  if (found->second.is_unix()) return {};
  if (auto grown = grow(found->second, slots); !grown) {
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
  // It would join the other's SO_REUSEPORT group, in which steering counts.
  for (const auto& [name, other] : groups_) {
    if (!(other.address == *group.bound)) continue;
    return Error{0, "listener " + listener.name + ": " + listener.address + " is still held for" +
                        " listener " + name + ", whose workers drain: keep its name, or reload" +
                        " again once they are gone"};
  }
  group.sockets.push_back(TRY(sys::bind_listener(*group.bound, sys::Sharing::ReusePort,
                                                 static_cast<int>(listener.backlog),
                                                 static_cast<mode_t>(listener.mode))));
  const int socket = group.sockets.front().get();
  group.address = TRY(sys::SocketAddress::of_socket(socket));  // port 0 has become a number
  return group;
}

// A socket can not move: what waits in its queue came to the address that it has.
Result<void> Listeners::check_unmoved(const config::Listener& listener, const Group& group) {
  if (!group.bound || listener.address.empty()) return {};  // adopted ones move with their unit
  const auto address = TRY(sys::SocketAddress::parse(listener.address));
  if (address == *group.bound) return {};
  return Error{0, "listener " + listener.name + " listens on " + group.bound->text() +
                      ", and a reload can not move it to " + listener.address +
                      ": give the new address a listener of another name, or restart sockherd"};
}

// Adds clones, masked where others are served already.
Result<void> Listeners::grow(Group& group, uint32_t slots) {
  while (group.sockets.size() < slots) {
    const int first = group.sockets.front().get();
    const bool is_masking = !group.served.empty();
    // A single socket that was bound without SO_REUSEPORT has no group to steer before its first
    // clone has joined; what comes to that one in between waits there for its worker.
    const bool has_group = group.sockets.size() > 1 || group.bound;
    if (is_masking && has_group) TRY(sys::steer_to(first, group.served));
    auto clone = sys::clone_listener(first);
    if (!clone) {
      return std::move(clone).error().in("socket for slot " + std::to_string(group.sockets.size()));
    }
    group.sockets.push_back(std::move(clone).value());
    if (is_masking && !has_group) TRY(sys::steer_to(first, group.served));
  }
  return {};
}

int Listeners::socket(const std::string& name, uint32_t slot) const {
  const auto found = groups_.find(name);
  SH_ASSERT(found != groups_.end());
  const Group& group = found->second;
  if (group.is_unix()) return group.sockets.front().get();
  SH_ASSERT(slot < group.sockets.size());
  return group.sockets[slot].get();
}

Result<void> Listeners::serve(const std::string& name, const std::vector<uint32_t>& slots) {
  const auto found = groups_.find(name);
  if (found == groups_.end() || found->second.is_unix()) return {};
  Group& group = found->second;
  group.served = slots;
  std::vector<uint32_t> members;
  // The kernel takes a number beyond the group for a failure of the program, and hashes over all.
  std::copy_if(slots.begin(), slots.end(), std::back_inserter(members),
               [&group](uint32_t slot) { return slot < group.sockets.size(); });
  if (members.empty()) {
    members.resize(group.adopted);
    std::iota(members.begin(), members.end(), 0U);
  }
  const int member = group.sockets.front().get();
  if (members.empty() || members.size() == group.sockets.size()) return sys::stop_steering(member);
  return sys::steer_to(member, members);
}

Listeners::~Listeners() {
  for (const auto& [name, group] : groups_) remove_node(group);
}

void Listeners::keep_only(const std::set<std::string>& names) {
  std::erase_if(groups_, [&names](const auto& g) {
    const bool is_over = !names.contains(g.first) && g.second.adopted == 0;
    if (is_over) remove_node(g.second);
    return is_over;
  });
  for (auto& [name, group] : groups_) {
    if (names.contains(name)) continue;
    group.sockets.resize(group.adopted);
    group.served.clear();
  }
}

}  // namespace sockherd::supervisor
