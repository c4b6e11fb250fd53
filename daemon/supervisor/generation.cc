#include "daemon/supervisor/generation.h"

#include <algorithm>
#include <cstdlib>

#include "daemon/base/bounds.h"
#include "daemon/config/commands.h"
#include "daemon/supervisor/plain_text.h"
#include "daemon/supervisor/runtime_directory.h"
#include "daemon/supervisor/upstreams.h"
#include "daemon/sys/file.h"
#include "daemon/sys/resources.h"
#include "daemon/sys/shared_memory.h"

namespace sockherd::supervisor {
namespace {

constexpr size_t kMaxFaultBytes = 1024;  // a fault may quote the file

std::string remedy(int code) {
  if (code == ENOENT) return "; write one with: sockherdctl config init FILE";
  if (code == EACCES) return "; the user that sockherd runs as must be able to read it";
  return "";
}

// Compared with one that the same program made, or else a difference is what we want to see.
uint64_t hash_of(std::string all, const std::vector<config::Override>& overrides) {
  for (const config::Override& override : overrides) {
    all += '\n' + override.key + '=' + override.value;
  }
  return std::hash<std::string>{}(all);
}

std::map<std::string, sys::SpawnOrigins> origins_of(const config::Config& config,
                                                    const std::vector<config::Setting>& settings) {
  std::map<std::string, sys::SpawnOrigins> origins;
  for (const config::Pool& pool : config.pools) {
    if (pool.command.empty()) continue;
    const auto of = [&](const char* option) {
      return config::origin_of(settings, "pool." + pool.name + "." + option);
    };
    origins[pool.name] = {.program = of("command"),
                          .directory = of("working_directory"),
                          .user = of("user"),
                          .group = of("group")};
  }
  return origins;
}

LoadedGeneration load_text(const std::string& text, const ConfigSource& source, uint32_t number) {
  LoadedGeneration loaded;
  config::Loaded parsed = config::load(text, source.file, source.overrides);
  for (const config::Fault& fault : parsed.faults) {
    loaded.faults.push_back(plain_text(fault.text(), kMaxFaultBytes));
  }
  if (!parsed.config) return loaded;
  auto sealed = sys::create_sealed_file("sockherd-config", text);
  if (!sealed) {
    loaded.faults.push_back(sealed.error().what);
    return loaded;
  }
  loaded.generation = Generation{number, std::move(*parsed.config),
                                 std::make_shared<const UniqueFd>(std::move(sealed).value()),
                                 hash_of(text, source.overrides)};
  follow_runtime_directory(loaded.generation->config,
                           !config::origin_of(parsed.settings, "admin.address").empty());
  loaded.generation->origins = origins_of(loaded.generation->config, parsed.settings);
  return loaded;
}

std::vector<std::string> asked_pools(const config::Pool& pool) {
  std::vector<std::string> asked;
  for (const std::string& key : upstream_keys(pool)) {
    if (!config::is_key_of_addresses(key)) asked.push_back(key);
  }
  return asked;
}

}  // namespace

LoadedGeneration load_generation(const ConfigSource& source, uint32_t number) {
  auto text = sys::read_file(source.file);
  if (text.ok()) return load_text(text.value(), source, number);
  LoadedGeneration loaded;
  loaded.faults.push_back(plain_text(
      source.file + ": " + text.error().what + remedy(text.error().code), kMaxFaultBytes));
  return loaded;
}

LoadedGeneration reload_generation(int sealed_text, const ConfigSource& source, uint32_t number) {
  auto text = sys::read_memory_file(sealed_text);
  if (text.ok()) return load_text(text.value(), source, number);
  LoadedGeneration loaded;
  loaded.faults.push_back(text.error().what);
  return loaded;
}

std::vector<std::string> missing_programs(const Generation& generation) {
  std::vector<std::string> missing;
  for (const config::Pool& pool : generation.config.pools) {
    if (pool.command.empty()) continue;
    const std::string set = config::path_variable(pool);
    const char* ours = std::getenv("PATH");
    const sys::ProgramWish wish{
        .option = "pool." + pool.name,
        .program = pool.command.front(),
        .path = !set.empty() ? set : (ours != nullptr ? ours : sys::kServicePath),
        .directory = pool.working_directory,
        .account = {pool.user, pool.group},
        .origins = generation.origins.at(pool.name)};
    for (const sys::ProgramGap& gap : sys::look_for(wish)) {
      missing.push_back(plain_text(gap.text(), kMaxFaultBytes));
    }
  }
  return missing;
}

uint32_t threads_of(const config::Pool& pool) {
  return pool.threads_auto ? std::min(sys::usable_cpus(), kMostThreads)
                           : static_cast<uint32_t>(pool.threads);
}

fleet::Spec fleet_spec(const Generation& generation) {
  fleet::Spec spec{.generation = generation.number};
  for (const config::Pool& pool : generation.config.pools) {
    const uint32_t threads = threads_of(pool);
    const auto wanted = pool.workers_auto ? (sys::usable_cpus() + threads - 1) / threads
                                          : static_cast<uint32_t>(pool.workers);
    const auto max_workers =
        std::min(static_cast<uint32_t>(pool.max_workers), kMostSockets / threads);
    spec.pools.push_back(
        {.name = pool.name,
         .listeners = pool.listeners,
         .workers = std::min(wanted, max_workers),
         .max_workers = max_workers,
         .can_lend = pool.command.empty(),
         .has_own_address = config::handover_of(pool) == config::Handover::PrivatePort,
         .asks = asked_pools(pool),
         .start_timeout = pool.start_timeout,
         .drain_timeout = pool.drain_timeout,
         .restart_delay = pool.restart_delay,
         .restart_delay_max = pool.restart_delay_max,
         .stable_after = pool.stable_after,
         .batch = static_cast<uint32_t>(pool.batch),
         .max_surge = static_cast<uint32_t>(pool.max_surge),
         .max_unavailable = static_cast<uint32_t>(pool.max_unavailable),
         .ready_for = pool.ready_for,
         .max_failures = static_cast<uint32_t>(pool.max_failures),
         .max_generations = static_cast<uint32_t>(pool.max_generations),
         .max_age = pool.max_age});
  }
  return spec;
}

}  // namespace sockherd::supervisor
