#include "daemon/supervisor/listeners.h"

#include <algorithm>
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
    if (listener.address.empty()) {
      return Error{0,
                   "listener " + listener.name +
                       " has no address, and systemd passed no socket of that name: set address ="
                       " or FileDescriptorName=" +
                       listener.name + " in a socket unit"};
    }
    const auto address = TRY(sys::SocketAddress::parse(listener.address));
    UniqueFd fd =
        TRY(sys::bind_listener(address, sys::Sharing::ReusePort, static_cast<int>(listener.backlog),
                               static_cast<mode_t>(listener.mode)));
    Group group;
    group.address = TRY(sys::SocketAddress::of_socket(fd.get()));  // port 0 has become a number
    group.sockets.push_back(std::move(fd));
    found = groups_.emplace(listener.name, std::move(group)).first;
  }
  Group& group = found->second;
  if (group.is_unix() || group.sockets.size() >= slots) return {};
  if (!group.served.empty()) TRY(sys::steer_to(group.sockets.front().get(), group.served));
  while (group.sockets.size() < slots) {
    auto clone = sys::clone_listener(group.sockets.front().get());
    if (!clone) {
      return std::move(clone).error().in("listener " + listener.name + " socket for slot " +
                                         std::to_string(group.sockets.size()));
    }
    group.sockets.push_back(std::move(clone).value());
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
  std::vector<uint32_t> members = slots;
  if (members.empty()) {
    members.resize(group.adopted);
    std::iota(members.begin(), members.end(), 0U);
  }
  const int member = group.sockets.front().get();
  if (members.empty() || members.size() == group.sockets.size()) return sys::stop_steering(member);
  return sys::steer_to(member, members);
}

void Listeners::keep_only(const config::Config& config) {
  std::erase_if(groups_,
                [&config](const auto& g) { return config.find_listener(g.first) == nullptr; });
}

}  // namespace sockherd::supervisor
