#include "daemon/supervisor/report.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <set>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/version.h"
#include "daemon/supervisor/event_table.h"
#include "daemon/supervisor/plain_text.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/process_usage.h"

namespace sockherd::supervisor {
namespace {

constexpr size_t kMostReasonBytes = 500;

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string state_of(const Supervisor& supervisor) {
  if (supervisor.fleet().is_stopping() || supervisor.is_lame()) return "stopping";
  if (!supervisor.fleet().has_started()) return "starting";
  return supervisor.fleet().is_rolling() ? "reloading" : "running";
}

struct Census {
  uint64_t starting = 0;
  uint64_t ready = 0;
  uint64_t draining = 0;
  uint64_t backoff = 0;
  uint64_t adopted = 0;
  uint64_t hung = 0;
  uint64_t leaving = 0;
  uint64_t lent = 0;
  std::set<uint32_t> old_generations;
};

Census census_of(const Supervisor& supervisor, const std::string& pool_name,
                 const fleet::Pool& pool) {
  Census census;
  for (const auto& [id, worker] : supervisor.fleet().workers()) {
    if (worker.pool != pool_name) continue;
    census.starting += worker.phase == fleet::Phase::Starting ? 1 : 0;
    census.ready += worker.phase == fleet::Phase::Ready ? 1 : 0;
    census.draining += worker.phase == fleet::Phase::Draining ? 1 : 0;
    census.adopted += supervisor.is_adopted(id) ? 1 : 0;
    census.hung += worker.hung ? 1 : 0;
    census.leaving += worker.leaving ? 1 : 0;
    if (worker.generation < pool.generation) census.old_generations.insert(worker.generation);
  }
  for (const fleet::Slot& slot : pool.slots) {
    census.backoff += slot.retry_at ? 1 : 0;
    census.lent += slot.lent_to ? 1 : 0;
  }
  return census;
}

std::string rollout_of(const fleet::Fleet& fleet) {
  if (!fleet.rollout()) return "";
  switch (*fleet.rollout()) {
    case fleet::RolloutKind::Reload:
      return "reload";
    case fleet::RolloutKind::Restart:
      return "restart";
    case fleet::RolloutKind::Upgrade:
      return "upgrade";
    case fleet::RolloutKind::RollBack:
      return "roll-back";
  }
  return "";
}

bool is_ready(const Supervisor& supervisor) {
  const fleet::Fleet& fleet = supervisor.fleet();
  if (!fleet.has_started() || fleet.is_stopping() || supervisor.is_lame()) return false;
  return std::all_of(fleet.pools().begin(), fleet.pools().end(), [&](const auto& p) {
    return p.second.removed || p.second.provisional ||
           census_of(supervisor, p.first, p.second).ready > 0;
  });
}

// The slots of siblings that a worker serves as well.
std::vector<std::string> lent_to(const Supervisor& supervisor, const fleet::Worker& worker) {
  std::vector<std::string> slots;
  const fleet::Pool& pool = supervisor.fleet().pools().at(worker.pool);
  for (size_t i = 0; i < pool.slots.size(); ++i) {
    if (pool.slots[i].lent_to == worker.id) slots.push_back(std::to_string(i));
  }
  return slots;
}

// Of its control group, which counts all that it has started; else of the process alone.
void describe_usage(const Supervisor& supervisor, fleet::WorkerId id, pid_t pid,
                    bus::Dictionary& entry) {
  const auto group = supervisor.hands().groups().usage(id).value_or(WorkerGroups::Usage{});
  const auto process = pid > 0 ? sys::process_usage(pid) : std::nullopt;
  const sys::ProcessUsage own = process.value_or(sys::ProcessUsage{});
  entry.set("memory_bytes", group.memory_bytes.value_or(own.memory_bytes));
  constexpr double kMicro = 1e-6;
  entry.set("cpu_seconds",
            group.cpu_usec ? static_cast<double>(*group.cpu_usec) * kMicro : own.cpu_seconds);
}

bus::Dictionary describe_worker(const Supervisor& supervisor, const fleet::Worker& worker) {
  const Instant now = monotonic_now();
  const fleet::Slot& slot = supervisor.fleet().pools().at(worker.pool).slots.at(worker.slot);
  const WorkerProcess* process = supervisor.hands().process(worker.id);
  bus::Dictionary entry = report_identity(supervisor, worker);
  const auto running = supervisor.hands().running().find(worker.id);
  const bool runs = running != supervisor.hands().running().end();
  entry.set("threads", uint64_t{runs ? running->second.threads : 1});
  entry.set("uptime_seconds", seconds_of(now - worker.spawned_at));
  describe_usage(supervisor, worker.id, process != nullptr ? process->pid() : 0, entry);
  entry.set("restarts", slot.restarts);
  entry.set("last_exit", slot.last_exit);
  entry.set("adopted", supervisor.is_adopted(worker.id));
  entry.set("hung", worker.hung);
  entry.set("stalling", worker.stalls);
  entry.set("probation", worker.serve_at.has_value());
  entry.set("leaving", worker.leaving);
  entry.set("worn", worker.worn);
  entry.set("serves_also", lent_to(supervisor, worker));
  return entry;
}

bus::Dictionary describe_backoff(const Supervisor& supervisor, const std::string& pool_name,
                                 const fleet::Pool& pool, uint32_t index) {
  const fleet::Slot& slot = pool.slots[index];
  bus::Dictionary entry;
  entry.set("pool", pool_name);
  entry.set("slot", uint64_t{index});
  entry.set("generation", uint64_t{pool.generation});
  entry.set("pid", int64_t{0});
  entry.set("state", std::string("backoff"));
  entry.set("uptime_seconds", 0.0);
  entry.set("restarts", slot.restarts);
  entry.set("status", std::string());
  entry.set("retry_seconds", std::max(0.0, seconds_of(*slot.retry_at - monotonic_now())));
  entry.set("last_exit", slot.last_exit);
  const fleet::Worker* lender =
      slot.lent_to ? supervisor.fleet().find_worker(*slot.lent_to) : nullptr;
  if (lender != nullptr) entry.set("lent_to", uint64_t{lender->slot});
  return entry;
}

}  // namespace

bus::Dictionary report_identity(const Supervisor& supervisor, const fleet::Worker& worker) {
  const WorkerProcess* process = supervisor.hands().process(worker.id);
  bus::Dictionary entry;
  entry.set("pool", worker.pool);
  entry.set("slot", uint64_t{worker.slot});
  entry.set("generation", uint64_t{worker.generation});
  entry.set("pid", int64_t{process != nullptr ? process->pid() : 0});
  entry.set("state", std::string(fleet::phase_name(worker.phase)));
  entry.set("status", process != nullptr ? process->status() : std::string());
  return entry;
}

bus::Dictionary report_status(const Supervisor& supervisor) {
  const Supervisor::ReloadRecord& reloads = supervisor.reloads();
  bus::Dictionary status;
  status.set("version", std::string(kVersion));
  status.set("pid", int64_t{::getpid()});
  status.set("state", state_of(supervisor));
  status.set("ready", is_ready(supervisor));
  status.set("generation", uint64_t{supervisor.hands().current().number});
  status.set("uptime_seconds", seconds_of(monotonic_now() - supervisor.started_at()));
  status.set("start_time_seconds", supervisor.started_time());
  status.set("config_file", plain_text(supervisor.config_file(), PATH_MAX));
  status.set("reloads", reloads.total);
  status.set("reload_failures", reloads.failures);
  status.set("last_reload_ok", reloads.last_ok);
  status.set("last_reload_time_seconds", reloads.last_success_time);
  status.set("last_reload_seconds", reloads.last_seconds);
  status.set("last_reload_reasons", reloads.last_reasons);
  const Supervisor::Totals totals = supervisor.totals();
  status.set("log_warnings", totals.warnings);
  status.set("log_errors", totals.errors);
  status.set("admin_restarts", totals.admin_restarts);
  status.set("supervisor_starts", totals.starts);
  status.set("worker_adoptions", supervisor.history().count("worker-adopted"));
  status.set("fd_store_failures", totals.store_failures);
  status.set("state_save_failures", totals.save_failures);
  status.set("watchdog_withheld", supervisor.is_watchdog_withheld());
  status.set("lame_duck", supervisor.is_lame() && !supervisor.fleet().is_stopping());
  status.set("rollout", rollout_of(supervisor.fleet()));
  Census all;
  for (const auto& [name, pool] : supervisor.fleet().pools()) {
    const Census census = census_of(supervisor, name, pool);
    all.adopted += census.adopted;
    all.hung += census.hung;
    all.leaving += census.leaving;
    all.lent += census.lent;
  }
  status.set("adopted", all.adopted);
  status.set("hung", all.hung);
  status.set("leaving", all.leaving);
  status.set("lent", all.lent);
  return status;
}

std::vector<bus::Dictionary> report_pools(const Supervisor& supervisor) {
  std::vector<bus::Dictionary> pools;
  for (const auto& [name, pool] : supervisor.fleet().pools()) {
    const config::Pool* config = supervisor.hands().current().config.find_pool(name);
    if (config == nullptr) continue;  // on its way in or out
    const Census census = census_of(supervisor, name, pool);
    bus::Dictionary entry;
    entry.set("name", name);
    entry.set("desired", uint64_t{pool.desired});
    entry.set("max", uint64_t{pool.spec.max_workers});
    entry.set("ready", census.ready);
    entry.set("starting", census.starting);
    entry.set("draining", census.draining);
    entry.set("backoff", census.backoff);
    entry.set("generation", uint64_t{pool.generation});
    entry.set("slots", uint64_t{pool.slots.size()});
    entry.set("threads", uint64_t{threads_of(*config)});
    entry.set("starts", pool.starts);
    entry.set("listeners", config->listeners);
    entry.set("command", config->command);
    entry.set("exits_requested", pool.exits.requested);
    entry.set("exits_exit", pool.exits.exit);
    entry.set("exits_signal", pool.exits.signal);
    entry.set("exits_start_timeout", pool.exits.start_timeout);
    entry.set("exits_drain_timeout", pool.exits.drain_timeout);
    entry.set("exits_start_failed", pool.exits.start_failed);
    entry.set("exits_hang", pool.exits.hang);
    entry.set("exits_forced_out", pool.exits.forced_out);
    entry.set("relayed", supervisor.hands().relays().passed(name));
    entry.set("hangs_loop", pool.hangs.loop);
    entry.set("hangs_queue", pool.hangs.queue);
    entry.set("hangs_watchdog", pool.hangs.watchdog);
    entry.set("adopted", census.adopted);
    entry.set("hung", census.hung);
    entry.set("leaving", census.leaving);
    entry.set("lent", census.lent);
    entry.set("old_generations", uint64_t{census.old_generations.size()});
    const auto slots = static_cast<uint32_t>(config->command.empty() ? 0 : pool.slots.size());
    const stats::Totals counted = supervisor.hands().statistics().total(name, slots);
    entry.set("output_lines", counted.get(stats::Count::OutputLines));
    entry.set("output_dropped", counted.get(stats::Count::OutputLinesDropped));
    pools.push_back(std::move(entry));
  }
  return pools;
}

std::vector<bus::Dictionary> report_workers(const Supervisor& supervisor, const std::string& pool) {
  std::vector<bus::Dictionary> workers;
  for (const auto& [id, worker] : supervisor.fleet().workers()) {
    if (pool.empty() || worker.pool == pool) workers.push_back(describe_worker(supervisor, worker));
  }
  for (const auto& [name, p] : supervisor.fleet().pools()) {
    if (!pool.empty() && name != pool) continue;
    for (uint32_t i = 0; i < p.slots.size(); ++i) {
      if (p.slots[i].retry_at) workers.push_back(describe_backoff(supervisor, name, p, i));
    }
  }
  std::stable_sort(workers.begin(), workers.end(), [](const auto& a, const auto& b) {
    const std::string pool_a = a.text("pool");
    const std::string pool_b = b.text("pool");
    return pool_a != pool_b ? pool_a < pool_b : a.count("slot") < b.count("slot");
  });
  return workers;
}

std::vector<bus::Dictionary> report_listeners(const Supervisor& supervisor) {
  std::vector<bus::Dictionary> listeners;
  for (const auto& [name, group] : supervisor.hands().listeners().groups()) {
    for (uint32_t number = 0; number < group.sockets.size(); ++number) {
      const sys::AcceptQueue queue = sys::accept_queue(group.sockets[number].get());
      const auto& served = group.served;
      const bool has_owner = number < group.owners.size();
      const SocketOwner owner =
          has_owner ? group.owners[number] : SocketOwner{.slot = number, .lane = 0};
      bus::Dictionary entry;
      entry.set("name", name);
      entry.set("address", plain_text(group.address.text(), PATH_MAX));
      entry.set("slot", uint64_t{owner.slot});
      entry.set("thread", uint64_t{owner.lane});
      entry.set("adopted", group.adopted.contains(number));
      entry.set("served",
                group.is_unix() || std::find(served.begin(), served.end(), number) != served.end());
      entry.set("parked", group.is_parked);
      if (const Balance* balance = supervisor.hands().listeners().balance(name)) {
        entry.set("balance", balance->wanted());
        entry.set("balance_in_force", balance->in_force());
        entry.set("balance_reason", plain_text(balance->reason(), kMostReasonBytes));
      }
      entry.set("accept_queue", uint64_t{queue.length});
      entry.set("accept_queue_limit", uint64_t{queue.limit});
      listeners.push_back(std::move(entry));
    }
  }
  return listeners;
}

std::vector<bus::Dictionary> report_upstreams(const Supervisor& supervisor) {
  std::vector<bus::Dictionary> list;
  const Upstreams& upstreams = supervisor.hands().upstreams();
  const Instant now = monotonic_now();
  for (const std::string& key : upstreams.keys()) {
    for (const auto& [slot, report] : upstreams.report(key, now)) {
      bus::Dictionary entry;
      entry.set("upstream", key);
      entry.set("slot", uint64_t{slot});
      entry.set("in_flight", report.in_flight);
      entry.set("requests", report.counts.requests);
      entry.set("failed", report.counts.failed);
      entry.set("ejections", report.counts.ejections);
      entry.set("ejected", report.ejected);
      entry.set("waiting", upstreams.waiting(key));
      list.push_back(std::move(entry));
    }
  }
  return list;
}

std::vector<bus::Dictionary> report_events(const std::vector<Event>& events) {
  std::vector<bus::Dictionary> list;
  list.reserve(events.size());
  for (const Event& event : events) {
    bus::Dictionary entry;
    entry.set("sequence", event.sequence);
    entry.set("time_us", static_cast<uint64_t>(event.time_us));
    entry.set("event", std::string(event.name));
    entry.set("level", std::string(event.level));
    if (!event.pool.empty()) entry.set("pool", event.pool);
    if (event.slot) entry.set("slot", uint64_t{*event.slot});
    if (event.generation != 0) entry.set("generation", event.generation);
    if (event.pid != 0) entry.set("pid", event.pid);
    if (!event.detail.empty()) entry.set("detail", event.detail);
    list.push_back(std::move(entry));
  }
  return list;
}

bus::Dictionary report_page(const EventRing::Page& page) {
  bus::Dictionary entry;
  entry.set("first", page.first);
  entry.set("next", page.next);
  entry.set("lost", page.lost);
  return entry;
}

bus::Dictionary report_event_counts(const EventRing::Counts& counts) {
  bus::Dictionary all;
  for (const EventInfo& event : events()) {
    const auto found = counts.find(event.name);
    all.set(std::string(event.name), found == counts.end() ? 0 : found->second);
  }
  return all;
}

}  // namespace sockherd::supervisor
