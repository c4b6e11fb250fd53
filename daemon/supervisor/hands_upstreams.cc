// Upstreams: the part of Hands that gives workers an address of their own, and says to those who
// proxy which of them are to be asked.
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/config/commands.h"
#include "daemon/contract/names.h"
#include "daemon/supervisor/hands.h"

namespace sockherd::supervisor {

using State = Upstreams::State;

Result<void> Hands::take_address(const fleet::Spawn& action, const config::Pool& pool,
                                 Running& running) {
  if (config::handover_of(pool) != config::Handover::PrivatePort) return {};
  running.own = TRY(addresses_.create(pool, action.id));
  running.place =
      TRY(upstreams_.settle(action.pool, action.slot, running.own->address, monotonic_now()));
  return {};
}

// Its worker has ended, or was never there.
void Hands::give_back_address(const Running& running) {
  if (running.place) upstreams_.set_state(*running.place, State::Free, monotonic_now());
  if (running.own) OwnAddresses::remove(*running.own);
}

// What a built-in worker of this pool asks others by.
Result<void> Hands::pass_upstreams(const config::Pool& pool, sys::SpawnRequest& request) {
  for (const config::Route& route : pool.routes) {
    TRY(upstreams_.settle_fixed(route, monotonic_now()));
  }
  for (const std::string& key : upstream_keys(pool)) {
    const Upstreams::Descriptors upstream = TRY(upstreams_.descriptors(key));
    request.fds.push_back({upstream.file, contract::kUpstreamFdPrefix + key});
    request.fds.push_back({upstream.bell, contract::kUpstreamBellPrefix + key});
  }
  return {};
}

// Whoever was asked and is not served any more leaves. One that has not been served yet starts.
void Hands::serve_places(const std::string& pool) {
  std::set<fleet::WorkerId> served;
  for (const ServedSlot& one : served_[pool]) served.insert(one.worker);
  const Instant now = monotonic_now();
  // Those who come first: somebody is to be asked at any moment.
  for (const bool is_served : {true, false}) {
    for (const auto& [id, running] : running_) {
      if (running.pool != pool || !running.place || served.contains(id) != is_served) continue;
      const auto* file = upstreams_.file(running.place->key);
      const bool was_asked = file->tenant(running.place->number).state != State::Starting;
      if (is_served || was_asked) {
        upstreams_.set_state(*running.place, is_served ? State::Serving : State::Leaving, now);
      }
    }
  }
}

std::set<std::string> Hands::used_upstreams() const {
  std::set<std::string> used;
  for (const auto& [number, generation] : generations_) {
    for (const config::Pool& pool : generation.config.pools) used.merge(upstream_keys(pool));
  }
  for (const auto& [id, running] : running_) {
    if (running.place) used.insert(running.place->key);
  }
  return used;
}

// --- adoption

// Returns whether all of it goes on.
bool Hands::adopt_upstreams(Inheritance& from) {
  bool goes_on = true;
  for (auto& [key, upstream] : from.upstreams) {
    auto adopted = upstreams_.adopt(key, std::move(upstream.file), std::move(upstream.bell));
    if (adopted.ok()) continue;
    log::notice("upstreams-begin-anew", {{"key", key}, {"why", adopted.error().what}});
    upstreams_.forget(key);
    goes_on = false;
  }
  return goes_on;
}

// The place of a worker that lives; another one where the memory was lost.
void Hands::adopt_address(const std::string& address, Running& running) {
  if (address.empty()) return;
  auto own = OwnAddresses::adopt(address);
  if (!own.ok()) return;
  running.own = std::move(own).value();
  running.place = upstreams_.find(running.pool, running.own->address);
  if (running.place) return;
  auto settled =
      upstreams_.settle(running.pool, running.slot, running.own->address, monotonic_now());
  if (settled.ok()) running.place = std::move(settled).value();
}

// Who ended while nobody was there is asked no more, and has nothing in flight.
void Hands::leave_other_places() {
  std::map<std::string, std::set<uint32_t>> places;
  std::vector<uint32_t> askers;
  for (const auto& [id, running] : running_) {
    if (running.place) places[running.place->key].insert(running.place->number);
    if (running.is_builtin) askers.push_back(static_cast<uint32_t>(running.process->pid()));
  }
  for (const std::string& key : upstreams_.keys()) {
    if (!config::is_key_of_addresses(key)) upstreams_.free_all_but(key, places[key]);
  }
  upstreams_.forget_lanes_but(askers);
}

std::optional<uint64_t> Hands::requests_of(const Running& worker) const {
  const contract::UpstreamFile* file = worker.place ? upstreams_.file(worker.place->key) : nullptr;
  if (file == nullptr) return std::nullopt;
  return file->place(worker.place->number).requests.load(std::memory_order_relaxed);
}

}  // namespace sockherd::supervisor
