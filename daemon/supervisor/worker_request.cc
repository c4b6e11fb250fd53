#include "daemon/supervisor/worker_request.h"

#include <unistd.h>

#include "daemon/config/commands.h"
#include "daemon/contract/lane.h"
#include "daemon/contract/names.h"
#include "daemon/supervisor/dialects.h"
#include "daemon/supervisor/substitution.h"
#include "daemon/sys/affinity.h"

namespace sockherd::supervisor {
namespace {

void set(sys::SpawnRequest& request, const char* variable, const std::string& value) {
  request.environment.push_back(std::string(variable) + "=" + value);
}

// Of its listeners, in their order.
std::vector<sys::SocketAddress> addresses_of(const NewWorker& worker, const Listeners& listeners) {
  std::vector<sys::SocketAddress> addresses;
  for (const std::string& name : worker.pool.listeners) {
    const std::string key = listeners.key_of(*worker.generation.config.find_listener(name));
    addresses.push_back(listeners.groups().at(key).address);
  }
  return addresses;
}

// A program has one socket of each listener, under the listener's name. The engine gets all that
// its slot has: where it had more threads once, something may still be on the way to the others.
void pass_listeners(const NewWorker& worker, const Listeners& listeners,
                    sys::SpawnRequest& request) {
  if (config::handover_of(worker.pool) == config::Handover::ReusePort) return;  // it binds them
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

// Who is to be started, in the words of its command line.
Marks marks_of(const NewWorker& worker, const Listeners& listeners,
               const sys::SpawnRequest& request) {
  Marks marks{.port = worker.port,
              .socket = worker.socket,
              .pool = worker.pool.name,
              .slot = worker.slot,
              .generation = worker.generation.number};
  for (size_t i = 0; i < request.fds.size(); ++i) {
    marks.fds.emplace_back(request.fds[i].name, sys::kFirstPassedFd + static_cast<int>(i));
  }
  for (const sys::SocketAddress& address : addresses_of(worker, listeners)) {
    if (marks.port.empty() && !address.is_unix()) marks.port = std::to_string(address.port());
  }
  return marks;
}

// Of another user these are others (sys/account.h).
bool is_of_our_user(std::string_view entry, const config::Pool& pool) {
  if (pool.user.empty()) return false;
  const std::string_view name = entry.substr(0, entry.find('='));
  return name == "HOME" || name == "USER" || name == "LOGNAME" || name == "SHELL";
}

void set_environment(const NewWorker& worker, const Marks& marks, sys::SpawnRequest& request) {
  for (const std::string& entry : worker.setup.environment) {
    if (!is_of_our_user(entry, worker.pool)) request.environment.push_back(entry);
  }
  if (!worker.host.empty()) {  // what the pool says itself counts more
    set(request, "HOST", worker.host);
    set(request, "PORT", worker.port);
  }
  for (const std::string& entry : worker.pool.environment) {
    request.environment.push_back(substitute(entry, marks));
  }
  set(request, contract::kPoolVariable, worker.pool.name);
  set(request, contract::kSlotVariable, std::to_string(worker.slot));
  set(request, contract::kGenerationVariable, std::to_string(worker.generation.number));
}

void speak_dialects(const NewWorker& worker, const Listeners& listeners,
                    sys::SpawnRequest& request) {
  std::vector<PassedListener> passed;
  for (const sys::SocketAddress& address : addresses_of(worker, listeners)) {
    passed.push_back({address.text(), sys::kFirstPassedFd + static_cast<int>(passed.size())});
  }
  for (std::string& variable : dialect_variables(worker.pool.dialects, passed, ::getpid())) {
    request.environment.push_back(std::move(variable));
  }
}

// As systemd does it, but for WATCHDOG_PID: a program may be started by a script. Whoever says
// WATCHDOG=1 once is expected to go on.
void set_watchdog(const NewWorker& worker, sys::SpawnRequest& request) {
  const auto limit = std::chrono::microseconds(worker.pool.hang_timeout);
  if (limit.count() > 0) set(request, "WATCHDOG_USEC", std::to_string(limit.count()));
}

void run_command(const NewWorker& worker, const Marks& marks, const Listeners& listeners,
                 sys::SpawnRequest& request) {
  for (const std::string& argument : worker.pool.command) {
    request.arguments.push_back(substitute(argument, marks));
  }
  speak_dialects(worker, listeners, request);
  set_watchdog(worker, request);
  const config::Pool& pool = worker.pool;
  request.account = {pool.user, pool.group};
  request.working_directory = pool.working_directory;
  if (const auto found = worker.generation.origins.find(pool.name);
      found != worker.generation.origins.end()) {
    request.origins = found->second;
  }
  // Who proxies connects as a member of the group, and needs to write to the socket for it.
  constexpr mode_t kGroup = 070;
  request.umask = static_cast<mode_t>(pool.umask) & ~(worker.socket.empty() ? 0 : kGroup);
  request.has_bind_watch = config::handover_of(pool) == config::Handover::ReusePort;
  request.nofile_soft =
      pool.nofile > 0 ? static_cast<unsigned long>(pool.nofile) : worker.setup.nofile_soft;
  const std::vector<uint32_t> cpus =
      pool.pin == "auto" ? sys::allowed_cpus() : std::vector<uint32_t>{};
  if (!cpus.empty()) request.cpu = sys::cpu_of(cpus, worker.slot, 0, 1);
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
  request.fds.push_back({worker.generation.text->get(), contract::kConfigFd});
  request.fds.push_back({worker.statistics, contract::kStatsFd});
}

}  // namespace

sys::SpawnRequest request_for(const NewWorker& worker, const Listeners& listeners) {
  sys::SpawnRequest request;
  pass_listeners(worker, listeners, request);
  const Marks marks = marks_of(worker, listeners, request);
  set_environment(worker, marks, request);
  if (worker.pool.command.empty()) {
    run_engine(worker, request);
  } else {
    run_command(worker, marks, listeners, request);
  }
  return request;
}

}  // namespace sockherd::supervisor
