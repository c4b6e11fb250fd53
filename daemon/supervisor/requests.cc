// Requests: the part of Supervisor that scales, restarts and reloads for those who ask, over the
// control interface or by a signal, and tells them how it went.
#include <algorithm>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/bus/interface.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/system_bus.h"
#include "daemon/sys/resources.h"

namespace sockherd::supervisor {
namespace {

Refused refused(fleet::Refusal refusal, const fleet::Fleet& fleet, const std::string& pool) {
  switch (refusal) {
    case fleet::Refusal::NoSuchPool: {
      std::string known;
      for (const auto& [name, p] : fleet.pools()) known += " " + name;
      return {bus::kErrorNoSuchPool, "there is no pool " + pool + "; there are:" + known};
    }
    case fleet::Refusal::NoSuchSlot:
      return {bus::kErrorNoSuchSlot,
              "pool " + pool + " has the slots 0 to " +
                  std::to_string(fleet.pools().find(pool)->second.desired - 1)};
    case fleet::Refusal::OutOfRange:
      return {bus::kErrorOutOfRange,
              "pool " + pool + " can have 1 to " +
                  std::to_string(fleet.pools().find(pool)->second.spec.max_workers) +
                  " workers (max_workers)"};
    case fleet::Refusal::Busy:
      return {bus::kErrorBusy, "another reload or restart is running; try again when it has ended"};
    case fleet::Refusal::Stopping:
      return {bus::kErrorStopping, "sockherd is stopping"};
    case fleet::Refusal::None:
      break;
  }
  return {};
}

void log_asked(const std::string& what, const std::string& by) {
  log::info("change-asked", {{"what", what}, {"by", by}});
}

std::optional<Refused> log_refused(const std::string& what, const std::string& by,
                                   std::optional<Refused> refused) {
  if (refused) {
    log::notice("change-refused", {{"what", what}, {"by", by}, {"why", refused->why}});
  }
  return refused;
}

}  // namespace

// --- who asks for what

std::optional<Refused> Supervisor::scale(const std::string& pool, uint32_t workers,
                                         const std::string& by, uint32_t* before) {
  const std::string what = "scale " + pool + " " + std::to_string(workers);
  log_asked(what, by);
  return log_refused(what, by, begin_scale(pool, workers, before));
}

std::optional<Refused> Supervisor::reload(const std::string& by, Done done) {
  log_asked("reload", by);
  return log_refused("reload", by, begin_reload(std::move(done)));
}

std::optional<Refused> Supervisor::restart(const std::string& pool, std::optional<uint32_t> slot,
                                           const std::string& by, Done done) {
  std::string what = "restart " + pool;
  if (slot) what += " " + std::to_string(*slot);
  log_asked(what, by);
  return log_refused(what, by, begin_restart({.pool = pool, .slot = slot}, what, std::move(done)));
}

std::optional<Refused> Supervisor::begin_scale(const std::string& pool, uint32_t workers,
                                               uint32_t* before) {
  const fleet::Scale request{pool, workers};
  if (const auto no = fleet_.refusal(request); no != fleet::Refusal::None) {
    return refused(no, fleet_, pool);
  }
  *before = fleet_.pools().find(pool)->second.desired;
  const Generation& generation = hands_.current();
  fleet::Spec spec = fleet_spec(generation);
  for (fleet::PoolSpec& p : spec.pools) {
    if (p.name == pool) p.workers = workers;
  }
  auto prepared = check_capacity(generation.config, spec);
  if (prepared.ok()) {
    prepared = hands_.prepare_slots(generation.config, *generation.config.find_pool(pool), workers);
  }
  if (!prepared) return Refused{bus::kErrorUnavailable, prepared.error().what};
  post(request);
  return std::nullopt;
}

std::optional<Refused> Supervisor::begin_restart(fleet::Restart request, std::string what,
                                                 Done done) {
  if (const auto no = fleet_.refusal(request); no != fleet::Refusal::None) {
    return refused(no, fleet_, request.pool);
  }
  request.ticket = next_ticket_++;
  tickets_[request.ticket] = {
      .what = std::move(what), .since = monotonic_now(), .done = std::move(done)};
  post(std::move(request));
  return std::nullopt;
}

std::optional<Refused> Supervisor::begin_reload(Done done) {
  if (const auto no = fleet_.refusal(fleet::Reload{}); no != fleet::Refusal::None) {
    return refused(no, fleet_, "");
  }
  const Instant since = monotonic_now();
  manager_.reloading(since);
  const uint32_t number = next_generation_++;
  LoadedGeneration loaded = load_generation(config_, number);
  const bool is_valid = loaded.generation.has_value();
  if (is_valid) {
    fleet::Spec spec = fleet_spec(*loaded.generation);
    auto prepared = prepare(*loaded.generation, spec);
    auto admin = prepared.ok() ? admin_sockets(loaded.generation->config.admin)
                               : Result<std::vector<AdminSocket>>(std::move(prepared).error());
    if (admin.ok()) {
      const uint64_t ticket = next_ticket_++;
      tickets_[ticket] = {.since = since,
                          .generation = number,
                          .admin_sockets = std::move(admin).value(),
                          .done = std::move(done)};
      spec = hands_.with_keys(std::move(spec), loaded.generation->config);
      hands_.add_generation(std::move(*loaded.generation));
      post(fleet::Reload{ticket, std::move(spec)});
      return std::nullopt;
    }
    loaded.faults.push_back(admin.error().what);
  }
  const double seconds = std::chrono::duration<double>(monotonic_now() - since).count();
  record_reload(false, seconds, loaded.faults);
  done({.ok = false,
        .seconds = seconds,
        .reasons = loaded.faults,
        .failure = is_valid ? bus::kFailedResources : bus::kFailedConfiguration});
  return std::nullopt;
}

void Supervisor::on_conclude(const fleet::Conclude& end) {
  const auto found = tickets_.find(end.ticket);
  if (found == tickets_.end()) return;
  Ticket ticket = std::move(found->second);
  tickets_.erase(found);
  const double seconds = std::chrono::duration<double>(monotonic_now() - ticket.since).count();
  std::vector<std::string> reasons = end.reasons;
  if (ticket.generation) {
    if (end.ok) adopt_generation(*ticket.generation, std::move(ticket.admin_sockets));
    record_reload(end.ok, seconds, reasons);
  } else {
    log::info(end.ok ? "restart-done" : "restart-failed",
              {{"what", ticket.what},
               {"seconds", std::to_string(seconds)},
               {"reason", reasons.empty() ? "" : reasons[0]}});
  }
  const char* why = fleet_.is_stopping() ? bus::kFailedStopping : bus::kFailedWorkers;
  // Whoever asked is answered when the old workers have been told: none of them takes him any more.
  answers_.push_back([done = std::move(ticket.done),
                      outcome = bus::Outcome{.ok = end.ok,
                                             .seconds = seconds,
                                             .reasons = std::move(reasons),
                                             .failure = end.ok ? "" : why}] { done(outcome); });
}

void Supervisor::adopt_generation(uint32_t number, std::vector<AdminSocket> admin_sockets) {
  const config::Admin before = hands_.current().config.admin;
  hands_.set_current(number);
  log::set_level(log::level_named(hands_.current().config.daemon.log_level));
  system_bus_->want(hands_.current().config.daemon.system_bus);
  const config::Admin& now = hands_.current().config.admin;
  if (before.enabled == now.enabled && before.address == now.address && before.hosts == now.hosts &&
      before.user == now.user) {
    return;
  }
  if (auto started = run_admin(std::move(admin_sockets)); !started) {
    log::error("admin-change-failed", {{"error", started.error().what}});
  }
}

// Of reloads under way.
std::set<uint32_t> Supervisor::planned_generations() const {
  std::set<uint32_t> planned;
  for (const auto& [number, ticket] : tickets_) {
    if (ticket.generation) planned.insert(*ticket.generation);
  }
  return planned;
}

void Supervisor::record_reload(bool ok, double seconds, const std::vector<std::string>& reasons) {
  ++reloads_.total;
  reloads_.failures += ok ? 0 : 1;
  reloads_.last_ok = ok;
  reloads_.last_seconds = seconds;
  reloads_.last_reasons = reasons;
  if (ok) reloads_.last_success_time = unix_now();
  if (!ok) {
    log::error("reload-failed",
               {{"reason", reasons.empty() ? "" : reasons[0]}, {"reasons", reasons.size()}});
  }
  for (size_t i = 1; i < reasons.size(); ++i) log::error("reload-fault", {{"reason", reasons[i]}});
  if (ok) {
    log::info("reloaded",
              {{"generation", hands_.current().number}, {"seconds", std::to_string(seconds)}});
  }
  if (fleet_.has_started()) manager_.ready();  // else it is still to come
  manager_.status(status_text());
}

// --- what it takes

Result<void> Supervisor::prepare(const Generation& generation, const fleet::Spec& spec) {
  fleet::Spec largest = spec;
  for (fleet::PoolSpec& pool : largest.pools) {
    const auto running = fleet_.pools().find(pool.name);
    const uint32_t desired = running == fleet_.pools().end() ? 0 : running->second.desired;
    // A count set at run time may be above the new max_workers until the reload is through.
    pool.workers = std::max(pool.workers, desired);
  }
  TRY(check_capacity(generation.config, largest));
  for (const fleet::PoolSpec& pool : largest.pools) {
    TRY(hands_.prepare_slots(generation.config, *generation.config.find_pool(pool.name),
                             pool.workers));
  }
  return {};
}

// One socket a thread and listener; for each worker a notify socket, a control socket, two pidfds
// and a pipe, twice while a reload has both generations alive; and some of our own.
Result<void> Supervisor::check_capacity(const config::Config& config, const fleet::Spec& spec) {
  constexpr uint64_t kOwn = 64;
  constexpr uint64_t kPerWorker = 10;
  uint64_t needed = kOwn;
  for (const fleet::PoolSpec& pool : spec.pools) {
    const config::Pool& configured = *config.find_pool(pool.name);
    const uint64_t sockets = configured.listeners.size() * threads_of(configured);
    needed += pool.workers * (sockets + kPerWorker);
  }
  const auto limit = TRY(sys::raise_descriptor_limit());
  if (needed <= limit.hard) return {};
  return Error{0, "so many workers need " + std::to_string(needed) +
                      " descriptors, and the limit is " + std::to_string(limit.hard) +
                      ": lower `workers`, or raise LimitNOFILE= in the unit (ulimit -Hn)"};
}

}  // namespace sockherd::supervisor
