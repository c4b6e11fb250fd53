#include "daemon/supervisor/state_file.h"

#include <algorithm>
#include <csignal>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "daemon/base/bounds.h"
#include "daemon/base/parse.h"
#include "daemon/sys/file.h"

namespace sockherd::supervisor {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kFormat = 1;
constexpr uint64_t kLastId = UINT64_MAX / 2;  // there is always a next one

// --- reading: what is missing or of another type is the default, and nothing aborts

uint64_t number(const Json& object, const char* key, uint64_t fallback = 0) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : fallback;
}

uint32_t number32(const Json& object, const char* key) {
  return static_cast<uint32_t>(std::min<uint64_t>(number(object, key), UINT32_MAX));
}

double real(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

bool flag(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// A member that is an object or array; an empty one if there is none.
const Json& member(const Json& object, const char* key) {
  static const Json kNone = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_structured() ? *found : kNone;
}

// Far enough from the end for sums.
Duration duration(const Json& object, const char* key) {
  constexpr uint64_t kLongest = INT64_MAX / 4;
  return Duration(static_cast<int64_t>(std::min(number(object, key), kLongest)));
}

Instant instant(const Json& object, const char* key) {
  return Instant{duration(object, key)};
}

uint64_t nanoseconds(Instant at) {
  return static_cast<uint64_t>(at.since_boot.count());
}

fleet::Exits exits_from(const Json& json) {
  return {.requested = number(json, "requested"),
          .exit = number(json, "exit"),
          .signal = number(json, "signal"),
          .start_timeout = number(json, "start_timeout"),
          .drain_timeout = number(json, "drain_timeout"),
          .start_failed = number(json, "start_failed"),
          .hang = number(json, "hang"),
          .forced_out = number(json, "forced_out")};
}

Json json_of(const fleet::Exits& exits) {
  return {{"requested", exits.requested},
          {"exit", exits.exit},
          {"signal", exits.signal},
          {"start_timeout", exits.start_timeout},
          {"drain_timeout", exits.drain_timeout},
          {"start_failed", exits.start_failed},
          {"hang", exits.hang},
          {"forced_out", exits.forced_out}};
}

fleet::Hangs hangs_from(const Json& json) {
  return {.loop = number(json, "loop"),
          .queue = number(json, "queue"),
          .watchdog = number(json, "watchdog")};
}

Json json_of(const fleet::Hangs& hangs) {
  return {{"loop", hangs.loop}, {"queue", hangs.queue}, {"watchdog", hangs.watchdog}};
}

fleet::PastPool pool_from(const Json& json) {
  fleet::PastPool pool{.desired = number32(json, "desired"),
                       .spec_workers = number32(json, "spec_workers"),
                       .drain_timeout = duration(json, "drain_ns"),
                       .has_own_address = flag(json, "has_own_address"),
                       .starts = number(json, "starts"),
                       .exits = exits_from(member(json, "exits")),
                       .hangs = hangs_from(member(json, "hangs"))};
  for (const Json& slot : member(json, "slots")) {
    if (pool.slots.size() == kMostSockets) break;
    pool.slots.push_back({.dirty = flag(slot, "dirty"),
                          .restarts = number(slot, "restarts"),
                          .last_exit = text(slot, "last_exit")});
  }
  return pool;
}

Json json_of(const fleet::PastPool& pool) {
  Json slots = Json::array();
  for (const fleet::PastSlot& slot : pool.slots) {
    slots.push_back(
        {{"dirty", slot.dirty}, {"restarts", slot.restarts}, {"last_exit", slot.last_exit}});
  }
  return {{"desired", pool.desired},
          {"spec_workers", pool.spec_workers},
          {"drain_ns", static_cast<uint64_t>(pool.drain_timeout.count())},
          {"has_own_address", pool.has_own_address},
          {"starts", pool.starts},
          {"exits", json_of(pool.exits)},
          {"hangs", json_of(pool.hangs)},
          {"slots", std::move(slots)}};
}

constexpr fleet::Phase kPhases[] = {fleet::Phase::Starting, fleet::Phase::Ready,
                                    fleet::Phase::Draining};

std::optional<fleet::Survivor> survivor_from(const Json& json) {
  const uint64_t phase = number(json, "phase", UINT64_MAX);
  fleet::Survivor worker{.id = number(json, "id"),
                         .pool = text(json, "pool"),
                         .slot = number32(json, "slot"),
                         .generation = number32(json, "generation"),
                         .owns_slot = flag(json, "owns_slot"),
                         .has_own_address = flag(json, "has_own_address"),
                         .spawned_at = instant(json, "spawned_at"),
                         .ready_at = instant(json, "ready_at")};
  if (worker.id == 0 || worker.id > kLastId || worker.pool.empty() || worker.slot >= kMostSockets ||
      phase > 2) {
    return std::nullopt;
  }
  worker.phase = kPhases[phase];
  for (const Json& name : member(json, "listeners")) {
    if (name.is_string()) worker.listeners.push_back(name.get<std::string>());
  }
  for (const Json& name : member(json, "asks")) {
    if (name.is_string()) worker.asks.push_back(name.get<std::string>());
  }
  if (json.contains("deadline")) worker.deadline = instant(json, "deadline");
  return worker;
}

Json json_of(const fleet::Survivor& worker, const SavedState::Place& place) {
  Json json{{"id", worker.id},
            {"pool", worker.pool},
            {"slot", worker.slot},
            {"generation", worker.generation},
            {"phase", static_cast<uint64_t>(worker.phase)},
            {"owns_slot", worker.owns_slot},
            {"listeners", worker.listeners},
            {"spawned_at", nanoseconds(worker.spawned_at)},
            {"ready_at", nanoseconds(worker.ready_at)},
            {"pid", static_cast<uint64_t>(place.pid)},
            {"seat", place.seats.empty() ? 0 : place.seats.front()},
            {"is_builtin", place.is_builtin}};
  if (place.seats.size() > 1) json["seats"] = place.seats;
  if (!place.address.empty()) json["address"] = place.address;
  if (worker.has_own_address) json["has_own_address"] = true;
  if (!worker.asks.empty()) json["asks"] = worker.asks;
  if (place.stop_signal != 0) json["stop_signal"] = place.stop_signal;
  if (place.abort_signal != 0) json["abort_signal"] = place.abort_signal;
  if (place.has_beaten) json["has_beaten"] = true;
  if (worker.deadline) json["deadline"] = nanoseconds(*worker.deadline);
  return json;
}

// 0 where there is none, or none that the kernel knows.
int32_t signal_from(const Json& json, const char* key) {
  const uint64_t signal = number(json, key);
  return signal <= static_cast<uint64_t>(SIGRTMAX) ? static_cast<int32_t>(signal) : 0;
}

// The seats of a worker's threads; `seat` is all that there is of one with one thread.
std::vector<uint32_t> seats_from(const Json& json) {
  std::vector<uint32_t> seats;
  for (const Json& seat : member(json, "seats")) {
    if (seats.size() == kMostThreads || !seat.is_number_unsigned()) break;
    seats.push_back(static_cast<uint32_t>(std::min<uint64_t>(seat.get<uint64_t>(), UINT32_MAX)));
  }
  if (seats.empty()) seats.push_back(number32(json, "seat"));
  return seats;
}

SocketOwners owners_from(const Json& json) {
  SocketOwners all;
  for (const auto& [name, list] : json.items()) {
    if (!list.is_array()) continue;
    std::vector<SocketOwner>& owners = all[name];
    for (const Json& owner : list) {
      if (!owner.is_object() || owners.size() == kMostSockets) break;
      owners.push_back({.slot = number32(owner, "slot"), .lane = number32(owner, "lane")});
    }
  }
  return all;
}

Json json_of(const SocketOwners& all) {
  Json json = Json::object();
  for (const auto& [name, owners] : all) {
    Json& list = json[name] = Json::array();
    for (const SocketOwner& owner : owners) {
      list.push_back({{"slot", owner.slot}, {"lane", owner.lane}});
    }
  }
  return json;
}

// By key and slot: [requests, failed, ejections].
Json json_of(const std::map<std::string, Upstreams::SlotCounts>& all) {
  Json json = Json::object();
  for (const auto& [key, slots] : all) {
    for (const auto& [slot, counts] : slots) {
      json[key][std::to_string(slot)] = {counts.requests, counts.failed, counts.ejections};
    }
  }
  return json;
}

std::map<std::string, Upstreams::SlotCounts> upstreams_from(const Json& json) {
  std::map<std::string, Upstreams::SlotCounts> all;
  for (const auto& [key, slots] : json.items()) {
    for (const auto& [text, counts] : slots.items()) {
      const auto slot = parse_number<uint32_t>(text);
      const bool is_whole = counts.is_array() && counts.size() == 3 &&
                            std::all_of(counts.begin(), counts.end(), [](const Json& count) {
                              return count.is_number_unsigned();
                            });
      if (!slot || *slot >= kMostSockets || !is_whole) continue;
      all[key][*slot] = {counts[0].get<uint64_t>(), counts[1].get<uint64_t>(),
                         counts[2].get<uint64_t>()};
    }
  }
  return all;
}

std::string text_of(const SavedState& state) {
  Json pools = Json::object();
  for (const auto& [name, pool] : state.past.pools) pools[name] = json_of(pool);
  Json workers = Json::array();
  for (const fleet::Survivor& worker : state.past.workers) {
    const auto place = state.places.find(worker.id);
    if (place != state.places.end()) workers.push_back(json_of(worker, place->second));
  }
  const Json json{{"format", kFormat},
                  {"version", state.version},
                  {"configuration", state.configuration},
                  {"is_handover", state.is_handover},
                  {"is_stale", state.past.is_stale},
                  {"next_generation", state.next_generation},
                  {"generation", state.generation},
                  {"next_worker", state.past.next_id},
                  {"reloads", state.reloads.total},
                  {"reload_failures", state.reloads.failures},
                  {"last_reload_time", state.reloads.last_success_time},
                  {"log_warnings", state.log_warnings},
                  {"log_errors", state.log_errors},
                  {"admin_restarts", state.admin_restarts},
                  {"starts", state.starts},
                  {"store_failures", state.store_failures},
                  {"save_failures", state.save_failures},
                  {"next_event", state.next_event},
                  {"events", state.events},
                  {"pools", std::move(pools)},
                  {"relayed", state.relayed},
                  {"upstreams", json_of(state.upstreams)},
                  {"sockets", json_of(state.sockets.value_or(SocketOwners()))},
                  {"workers", std::move(workers)}};
  // What a program wrote to its status may hold any bytes.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

SavedState state_from(const Json& json) {
  SavedState state{.version = text(json, "version"),
                   .configuration = number(json, "configuration"),
                   .is_handover = flag(json, "is_handover"),
                   .next_generation = number32(json, "next_generation"),
                   .generation = number32(json, "generation"),
                   .reloads = {.total = number(json, "reloads"),
                               .failures = number(json, "reload_failures"),
                               .last_success_time = real(json, "last_reload_time")},
                   .log_warnings = number(json, "log_warnings"),
                   .log_errors = number(json, "log_errors"),
                   .admin_restarts = number(json, "admin_restarts"),
                   .starts = number(json, "starts"),
                   .store_failures = number(json, "store_failures"),
                   .save_failures = number(json, "save_failures"),
                   .next_event = number(json, "next_event", 1)};
  for (const auto& [name, count] : member(json, "events").items()) {
    if (count.is_number_unsigned()) state.events[name] = count.get<uint64_t>();
  }
  for (const auto& [name, count] : member(json, "relayed").items()) {
    if (count.is_number_unsigned()) state.relayed[name] = count.get<uint64_t>();
  }
  state.upstreams = upstreams_from(member(json, "upstreams"));
  state.sockets.reset();
  if (json.contains("sockets")) state.sockets = owners_from(member(json, "sockets"));
  state.past.is_stale = flag(json, "is_stale");
  state.past.next_id = std::clamp<uint64_t>(number(json, "next_worker"), 1, kLastId);
  for (const auto& [name, pool] : member(json, "pools").items()) {
    if (pool.is_object()) state.past.pools[name] = pool_from(pool);
  }
  for (const Json& entry : member(json, "workers")) {
    auto worker = survivor_from(entry);
    if (!worker || state.places.contains(worker->id)) continue;
    state.past.next_id = std::max(state.past.next_id, worker->id + 1);
    state.places[worker->id] = {.pid = static_cast<int32_t>(number32(entry, "pid")),
                                .seats = seats_from(entry),
                                .is_builtin = flag(entry, "is_builtin"),
                                .address = text(entry, "address"),
                                .stop_signal = signal_from(entry, "stop_signal"),
                                .abort_signal = signal_from(entry, "abort_signal"),
                                .has_beaten = flag(entry, "has_beaten")};
    state.past.workers.push_back(std::move(*worker));
  }
  return state;
}

}  // namespace

Result<SavedState> StateFile::load() const {
  auto content = sys::read_file(path_);
  if (!content) return std::move(content).error().in(path_);
  const Json json = Json::parse(content.value(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Error{0, path_ + " is not what we have written"};
  if (number(json, "format") != kFormat) {
    return Error{0, path_ + " was written by another version (format " +
                        std::to_string(number(json, "format")) + ")"};
  }
  return state_from(json);
}

Result<void> StateFile::save(const SavedState& state) {
  std::string content = text_of(state);
  if (content == last_) return {};
  // It lies in memory, and need not outlive the machine.
  TRY(sys::replace_file(path_, content));
  last_ = std::move(content);
  return {};
}

}  // namespace sockherd::supervisor
