#include "daemon/supervisor/inheritance.h"

#include "daemon/supervisor/fd_store.h"

namespace sockherd::supervisor {
namespace {

constexpr std::string_view kOurs = "sockherd.";

// A slot is counted in 32 bits; worker ids are not.
bool has_place(const KeptName& name) {
  const bool is_worker = name.kind == Kept::Worker || name.kind == Kept::Control ||
                         name.kind == Kept::Notify || name.kind == Kept::Binds ||
                         name.kind == Kept::Output;
  return is_worker || name.number <= UINT32_MAX;
}

// Of two sockets with one name the first one is it for now.
void put_slot(Inheritance& all, const KeptName& name, UniqueFd fd) {
  auto& slots = all.slots[name.name];
  const auto number = static_cast<uint32_t>(name.number);
  if (slots.contains(number)) {
    all.spares.push_back({name.name, number, std::move(fd)});
  } else {
    slots[number] = std::move(fd);
  }
}

void put(Inheritance& all, const KeptName& name, UniqueFd fd) {
  switch (name.kind) {
    case Kept::Slot:
      return put_slot(all, name, std::move(fd));
    case Kept::Worker:
      all.workers[name.number].pidfd = std::move(fd);
      return;
    case Kept::Control:
      all.workers[name.number].control = std::move(fd);
      return;
    case Kept::Notify:
      all.workers[name.number].notify = std::move(fd);
      return;
    case Kept::Binds:
      all.workers[name.number].binds = std::move(fd);
      return;
    case Kept::Output:
      all.workers[name.number].output = std::move(fd);
      return;
    case Kept::Statistics:
      all.statistics[name.name] = std::move(fd);
      return;
    case Kept::Bus:
      all.buses[name.name].file = std::move(fd);
      return;
    case Kept::Bell:
      all.buses[name.name].bell = std::move(fd);
      return;
    case Kept::Upstream:
      all.upstreams[name.name].file = std::move(fd);
      return;
    case Kept::UpstreamBell:
      all.upstreams[name.name].bell = std::move(fd);
      return;
    case Kept::Config:
      all.configs[static_cast<uint32_t>(name.number)] = std::move(fd);
      return;
    case Kept::Balance:
      all.balances[name.name][static_cast<uint32_t>(name.number)] = std::move(fd);
      return;
  }
}

}  // namespace

Inheritance Inheritance::sort(std::vector<sys::PassedFd> passed) {
  Inheritance all;
  for (sys::PassedFd& one : passed) {
    const auto kept = KeptName::parse(one.name);
    if (kept && has_place(*kept)) {
      put(all, *kept, std::move(one.fd));
    } else if (one.name.starts_with(kOurs)) {
      all.strays.push_back(one.name);
    } else {
      all.units.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace sockherd::supervisor
