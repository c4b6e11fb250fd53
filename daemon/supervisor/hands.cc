#include "daemon/supervisor/hands.h"

#include <algorithm>
#include <csignal>
#include <set>

#include "daemon/base/assert.h"
#include "daemon/base/log.h"

namespace sockherd::supervisor {
namespace {

// Replaces every "{slot}" in an environment entry.
std::string with_slot(std::string text, uint32_t slot) {
  constexpr std::string_view kMark = "{slot}";
  for (size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at)) {
    text.replace(at, kMark.size(), std::to_string(slot));
  }
  return text;
}

}  // namespace

void Hands::carry_out(const fleet::Spawn& action) {
  auto started = start(action);
  if (started.ok()) {
    running_[action.id] = std::move(started).value();
    return;
  }
  post_(fleet::WorkerExited{.id = action.id,
                            .kind = fleet::ExitKind::NotStarted,
                            .code = started.error().code,
                            .detail = started.error().what});
}

Result<Hands::Running> Hands::start(const fleet::Spawn& action) {
  Running running{.pool = action.pool};
  running.seat = TRY(statistics_.take_seat(action.pool, action.slot, action.generation));
  auto request = request_for(action, running.seat);
  auto process = request.ok()
                     ? WorkerProcess::start(
                           loop_, action.id, std::move(request).value(),
                           setup_.runtime_directory + "/notify." + std::to_string(action.id),
                           {.on_notification =
                                [this, id = action.id](const auto& s) { on_notification(id, s); },
                            .on_exit = [this](fleet::WorkerExited e) { on_exit(std::move(e)); }})
                     : Result<std::unique_ptr<WorkerProcess>>(std::move(request).error());
  if (!process) {
    statistics_.fold(action.pool, running.seat);
    return std::move(process).error();
  }
  running.process = std::move(process).value();
  statistics_.set_pid(action.pool, running.seat, running.process->pid());
  return running;
}

Result<sys::SpawnRequest> Hands::request_for(const fleet::Spawn& action, uint32_t seat) {
  const Generation& generation = generations_.at(action.generation);
  const config::Pool* pool = generation.config.find_pool(action.pool);
  SH_ASSERT(pool != nullptr);
  sys::SpawnRequest request;
  // The sockets are there, but for a slot beyond the wanted ones that must be emptied once more
  // after a reload gave the pool another listener.
  TRY(prepare_slots(generation.config, *pool, action.slot + 1));
  for (const std::string& name : pool->listeners) {
    request.fds.push_back({listeners_.socket(name, action.slot), name});
  }
  request.environment = setup_.environment;
  for (const std::string& entry : pool->environment) {
    request.environment.push_back(with_slot(entry, action.slot));
  }
  request.environment.push_back("SOCKHERD_POOL=" + action.pool);
  request.environment.push_back("SOCKHERD_SLOT=" + std::to_string(action.slot));
  request.environment.push_back("SOCKHERD_GENERATION=" + std::to_string(action.generation));
  if (!pool->command.empty()) {
    request.arguments = pool->command;
    request.nofile_soft = setup_.nofile_soft;
    return request;
  }
  request.arguments = {setup_.program};
  for (const config::Override& override : setup_.overrides) {
    request.arguments.insert(request.arguments.end(),
                             {"--set", override.key + "=" + override.value});
  }
  request.environment.push_back("SOCKHERD_SEAT=" + std::to_string(seat));
  request.fds.push_back({generation.text.get(), "sockherd.config"});
  request.fds.push_back({TRY(statistics_.segment_fd(action.pool)), "sockherd.stats"});
  return request;
}

void Hands::carry_out(const fleet::Drain& action) {
  if (const WorkerProcess* worker = process(action.id)) worker->send(SIGTERM);
}

void Hands::carry_out(const fleet::Kill& action) {
  if (const WorkerProcess* worker = process(action.id)) worker->send(SIGKILL);
}

void Hands::carry_out(const fleet::Serve& action) {
  ++steers_;
  const config::Pool* pool = current().config.find_pool(action.pool);
  if (pool == nullptr) return;
  for (const std::string& name : pool->listeners) {
    if (auto served = listeners_.serve(name, action.slots); !served) {
      // Connections may wait in an unserved socket until its worker is back; nothing is lost by it.
      log::warn("steering-failed", {{"listener", name}, {"error", served.error().what}});
    }
  }
}

void Hands::carry_out(const fleet::AwaitQuiet& action) {
  for (auto& [number, leaving] : quiet_) {
    if (leaving.pool != action.pool) continue;
    // An older watch that still runs must not speak for a slot that was served again since.
    std::erase(leaving.slots, action.slot);
    if (leaving.steer != steers_ || leaving.watch.has_looked()) continue;
    leaving.slots.push_back(action.slot);
    return;
  }
  const uint64_t number = next_watch_++;
  auto watch =
      QuietWatch::create(loop_, ports_of(action.pool), [this, number] { on_quiet(number); });
  if (!watch) {  // the fleet does not wait for ever
    log::warn("quiet-watch-failed", {{"pool", action.pool}, {"error", watch.error().what}});
    return;
  }
  quiet_[number] = {action.pool, steers_, {action.slot}, std::move(watch).value()};
}

std::vector<uint16_t> Hands::ports_of(const std::string& pool_name) const {
  std::vector<uint16_t> ports;
  const config::Pool* pool = current().config.find_pool(pool_name);
  if (pool == nullptr) return ports;
  for (const std::string& name : pool->listeners) {
    const auto group = listeners_.groups().find(name);
    if (group == listeners_.groups().end() || group->second.is_unix()) continue;
    ports.push_back(group->second.address.port());
  }
  return ports;
}

void Hands::on_quiet(uint64_t number) {
  const auto found = quiet_.find(number);
  SH_ASSERT(found != quiet_.end());
  const std::string pool = std::move(found->second.pool);
  const std::vector<uint32_t> slots = std::move(found->second.slots);
  quiet_.erase(found);
  for (const uint32_t slot : slots) post_(fleet::SlotQuiet{pool, slot});
}

Result<void> Hands::prepare_slots(const config::Config& config, const config::Pool& pool,
                                  uint32_t count) {
  for (const std::string& name : pool.listeners) {
    const config::Listener* listener = config.find_listener(name);
    SH_ASSERT(listener != nullptr);
    TRY(listeners_.ensure(*listener, count));
  }
  return {};
}

void Hands::add_generation(Generation generation) {
  const uint32_t number = generation.number;
  generations_[number] = std::move(generation);
}

void Hands::forget_unused(const std::map<fleet::WorkerId, fleet::Worker>& workers) {
  const auto is_used = [&](uint32_t number) {
    return number == current_ || std::any_of(workers.begin(), workers.end(), [&](const auto& w) {
             return w.second.generation == number;
           });
  };
  std::erase_if(generations_, [&](const auto& g) { return !is_used(g.first); });
  // An old worker accepts what waits in a removed listener before it drains: ours stays until then.
  std::set<std::string> names;
  for (const auto& [number, generation] : generations_) {
    for (const config::Listener& listener : generation.config.listeners) {
      names.insert(listener.name);
    }
  }
  listeners_.keep_only(names);
}

const WorkerProcess* Hands::process(fleet::WorkerId id) const {
  const auto found = running_.find(id);
  return found == running_.end() ? nullptr : found->second.process.get();
}

void Hands::on_notification(fleet::WorkerId id, const sys::Notification& said) {
  if (said.extend_timeout) post_(fleet::WorkerExtends{id, *said.extend_timeout});
  if (said.ready) post_(fleet::WorkerReady{id});
  if (said.stopping) post_(fleet::WorkerStopping{id});
}

void Hands::on_exit(fleet::WorkerExited exited) {
  const auto found = running_.find(exited.id);
  SH_ASSERT(found != running_.end());
  statistics_.fold(found->second.pool, found->second.seat);
  running_.erase(found);
  post_(std::move(exited));
}

}  // namespace sockherd::supervisor
