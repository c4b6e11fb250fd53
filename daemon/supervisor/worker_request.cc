#include "daemon/supervisor/worker_request.h"

#include "daemon/contract/lane.h"
#include "daemon/contract/names.h"

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

void set(sys::SpawnRequest& request, const char* variable, const std::string& value) {
  request.environment.push_back(std::string(variable) + "=" + value);
}

// A program has one socket of each listener, under the listener's name. The engine gets all that
// its slot has: where it had more threads once, something may still be on the way to the others.
void pass_listeners(const NewWorker& worker, const Listeners& listeners,
                    sys::SpawnRequest& request) {
  const bool is_builtin = worker.pool.command.empty();
  for (const std::string& name : worker.pool.listeners) {
    const std::string key = listeners.key_of(*worker.generation.config.find_listener(name));
    for (contract::Lane lane{.listener = name}; const uint32_t number : worker.sockets.at(key)) {
      lane.number = number;
      const std::string lane_name = contract::name_of(lane, worker.slot);
      request.fds.push_back({listeners.socket(key, number), is_builtin ? lane_name : name});
      ++lane.lane;
    }
    const Balance* balance = listeners.balance(key);
    if (!is_builtin || balance == nullptr || balance->loads_fd() < 0) continue;
    request.fds.push_back({balance->loads_fd(), contract::kLoadFdPrefix + name});
  }
}

void set_environment(const NewWorker& worker, sys::SpawnRequest& request) {
  request.environment = worker.setup.environment;
  for (const std::string& entry : worker.pool.environment) {
    request.environment.push_back(with_slot(entry, worker.slot));
  }
  set(request, contract::kPoolVariable, worker.pool.name);
  set(request, contract::kSlotVariable, std::to_string(worker.slot));
  set(request, contract::kGenerationVariable, std::to_string(worker.generation.number));
}

void run_command(const NewWorker& worker, sys::SpawnRequest& request) {
  request.arguments = worker.pool.command;
  request.nofile_soft = worker.setup.nofile_soft;
}

void run_engine(const NewWorker& worker, sys::SpawnRequest& request) {
  request.arguments = {worker.setup.program};
  for (const config::Override& override : worker.setup.overrides) {
    request.arguments.insert(request.arguments.end(),
                             {"--set", override.key + "=" + override.value});
  }
  std::string seats;
  for (const uint32_t seat : worker.seats) {
    seats += (seats.empty() ? "" : ",") + std::to_string(seat);
  }
  set(request, contract::kSeatVariable, seats);
  if (worker.threads > 1) {
    set(request, contract::kThreadsVariable, std::to_string(worker.threads));
  }
  request.fds.push_back({worker.generation.text.get(), contract::kConfigFd});
  request.fds.push_back({worker.statistics, contract::kStatsFd});
}

}  // namespace

sys::SpawnRequest request_for(const NewWorker& worker, const Listeners& listeners) {
  sys::SpawnRequest request;
  pass_listeners(worker, listeners, request);
  set_environment(worker, request);
  worker.pool.command.empty() ? run_engine(worker, request) : run_command(worker, request);
  return request;
}

}  // namespace sockherd::supervisor
