#include "daemon/supervisor/upstreams.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/config/commands.h"

namespace sockherd::supervisor {

using contract::UpstreamFile;

namespace {

std::string_view bytes_of(const sys::SocketAddress& address) {
  return {reinterpret_cast<const char*>(address.get()), address.size()};
}

std::optional<uint32_t> find_place(const UpstreamFile& file, const sys::SocketAddress& address) {
  for (uint32_t number = 0; number < file.places(); ++number) {
    const UpstreamFile::Tenant tenant = file.tenant(number);
    if (tenant.state != contract::UpstreamState::Free && tenant.address == bytes_of(address)) {
      return number;
    }
  }
  return std::nullopt;
}

int64_t nanoseconds(Instant at) {
  return at.since_boot.count();
}

}  // namespace

Result<void> Upstreams::adopt(const std::string& key, UniqueFd file, UniqueFd bell) {
  if (!file || !bell) return Error{0, "only one half of it was kept"};
  Entry kept{.file = std::move(file), .bell = std::move(bell)};
  kept.memory = TRY(sys::Mapping::create(kept.file.get(), sys::Access::ReadWrite));
  kept.layout = TRY(UpstreamFile::attach(kept.memory.bytes()));
  entries_[key] = std::move(kept);
  return {};
}

void Upstreams::forget(const std::string& key) {
  for (const Kept kind : {Kept::Upstream, Kept::UpstreamBell}) store_.forget({kind, 0, key});
}

Result<Upstreams::Entry*> Upstreams::entry(const std::string& key) {
  if (const auto found = entries_.find(key); found != entries_.end()) return &found->second;
  Entry made;
  made.file = TRY(sys::create_memory_file("sockherd-upstream-" + key, UpstreamFile::kBytes));
  made.memory = TRY(sys::Mapping::create(made.file.get(), sys::Access::ReadWrite));
  made.layout = UpstreamFile::format(made.memory.bytes());
  made.bell = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE));
  if (!made.bell) return errno_error("eventfd");
  store_.keep({Kept::Upstream, 0, key}, made.file.get());
  store_.keep({Kept::UpstreamBell, 0, key}, made.bell.get());
  return &(entries_[key] = std::move(made));
}

Result<Upstreams::Descriptors> Upstreams::descriptors(const std::string& key) {
  const Entry* one = TRY(entry(key));
  return Descriptors{one->file.get(), one->bell.get()};
}

Result<void> Upstreams::settle_fixed(const config::Route& route, Instant now) {
  if (route.proxy.empty() || config::upstream_pool(route.proxy.front())) return {};
  const std::string key = config::upstream_key(route);
  uint32_t slot = 0;
  for (const std::string& text : route.proxy) {
    const auto address = TRY(sys::SocketAddress::parse(text));
    const uint32_t number = slot++;
    if (find(key, address)) continue;
    const Place place = TRY(settle(key, number, address, now));
    set_state(place, State::Serving, now);
  }
  return {};
}

Result<Upstreams::Place> Upstreams::settle(const std::string& key, uint32_t slot,
                                           const sys::SocketAddress& address, Instant now) {
  Entry* one = TRY(entry(key));
  fold(key, *one->layout);
  const auto number =
      one->layout->settle(slot, bytes_of(address), State::Starting, nanoseconds(now));
  if (!number) {
    return Error{EAGAIN, "behind " + key + " there are " +
                             std::to_string(contract::kUpstreamPlaces) + " places, all taken"};
  }
  return Place{key, *number};
}

std::optional<Upstreams::Place> Upstreams::find(const std::string& key,
                                                const sys::SocketAddress& address) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  const auto number = find_place(*found->second.layout, address);
  return number ? std::optional(Place{key, *number}) : std::nullopt;
}

void Upstreams::set_state(const Place& place, State state, Instant now) {
  const auto found = entries_.find(place.key);
  if (found == entries_.end()) return;
  const UpstreamFile& layout = *found->second.layout;
  const State before = layout.tenant(place.number).state;
  layout.set_state(place.number, state, nanoseconds(now));
  if (state == State::Serving && before != state) ring(found->second);
}

// Everybody who waits looks once.
void Upstreams::ring(const Entry& entry) {
  const uint64_t waiting = entry.layout->waiting();
  if (waiting == 0) return;
  // Full: more has been rung than anybody can wait for.
  [[maybe_unused]] const ssize_t written = ::write(entry.bell.get(), &waiting, sizeof waiting);
}

bool Upstreams::is_quiet(const Place& place) const {
  const auto found = entries_.find(place.key);
  return found == entries_.end() || found->second.layout->in_flight(place.number) == 0;
}

void Upstreams::free_all_but(const std::string& key, const std::set<uint32_t>& places) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  const UpstreamFile& layout = *found->second.layout;
  for (uint32_t number = 0; number < layout.places(); ++number) {
    if (!places.contains(number)) layout.set_state(number, State::Free, 0);
  }
}

// A place that is free is counted in until somebody takes it: those who asked there may still find
// out that it failed. Who takes it begins with 0.
void Upstreams::fold(const std::string& key, const UpstreamFile& layout) {
  for (uint32_t number = 0; number < layout.places(); ++number) {
    contract::UpstreamPlace& place = layout.place(number);
    if (place.state.load() != static_cast<uint32_t>(State::Free) || layout.in_flight(number) > 0) {
      continue;
    }
    Counts& sum = past_[key][place.slot.load()];
    sum.requests += place.requests.exchange(0);
    sum.failed += place.failed.exchange(0);
    sum.ejections += place.times_ejected.exchange(0);
  }
}

std::map<uint32_t, Upstreams::Report> Upstreams::report(const std::string& key, Instant now) const {
  std::map<uint32_t, Report> slots;
  if (const auto past = past_.find(key); past != past_.end()) {
    for (const auto& [slot, counts] : past->second) slots[slot].counts = counts;
  }
  const auto found = entries_.find(key);
  if (found == entries_.end()) return slots;
  const UpstreamFile& layout = *found->second.layout;
  for (uint32_t number = 0; number < layout.places(); ++number) {
    const contract::UpstreamPlace& place = layout.place(number);
    Report& sum = slots[place.slot.load()];
    sum.counts.requests += place.requests.load();
    sum.counts.failed += place.failed.load();
    sum.counts.ejections += place.times_ejected.load();
    sum.in_flight += layout.in_flight(number);
    const bool is_taken = place.state.load() != static_cast<uint32_t>(State::Free);
    sum.ejected += is_taken && place.ejected_until.load() > nanoseconds(now) ? 1 : 0;
  }
  return slots;
}

uint64_t Upstreams::waiting(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.layout->waiting();
}

void Upstreams::forget_lanes_of(pid_t process) {
  for (auto& [key, one] : entries_) one.layout->forget_lanes_of(static_cast<uint32_t>(process));
}

void Upstreams::forget_lanes_but(std::span<const uint32_t> processes) {
  for (auto& [key, one] : entries_) one.layout->forget_lanes_but(processes);
}

void Upstreams::keep_only(const std::set<std::string>& keys) {
  for (auto one = entries_.begin(); one != entries_.end();) {
    if (keys.contains(one->first)) {
      ++one;
      continue;
    }
    forget(one->first);
    past_.erase(one->first);
    one = entries_.erase(one);
  }
}

std::set<std::string> Upstreams::keys() const {
  std::set<std::string> keys;
  for (const auto& [key, one] : entries_) keys.insert(key);
  return keys;
}

const UpstreamFile* Upstreams::file(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &*found->second.layout;
}

std::set<std::string> upstream_keys(const config::Pool& pool) {
  std::set<std::string> keys;
  for (const config::Route& route : pool.routes) {
    if (std::string key = config::upstream_key(route); !key.empty()) keys.insert(std::move(key));
  }
  return keys;
}

}  // namespace sockherd::supervisor
