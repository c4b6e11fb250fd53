#include "daemon/supervisor/supervisor.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/version.h"
#include "daemon/bus/control_path.h"
#include "daemon/supervisor/control_server.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/programs.h"
#include "daemon/supervisor/runtime_directory.h"
#include "daemon/supervisor/system_bus.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/resources.h"

namespace sockherd::supervisor {
namespace {

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  Error error = errno_error("create the runtime directory " + path);
  error.what +=
      "; set RUNTIME_DIRECTORY to one of yours (in a unit: RuntimeDirectory=), or "
      "daemon.runtime_directory";
  return error;
}

// After a crash the configuration that was in force goes on where the file makes no sense by now:
// that was nobody's wish. A restart was, so there the file must be good; the workers of the
// predecessor serve on meanwhile.
LoadedGeneration load_kept(const Inheritance& inheritance, const ConfigSource& source) {
  if (inheritance.configs.empty()) return {};
  LoadedGeneration kept = reload_generation(inheritance.configs.rbegin()->second.get(), source, 1);
  if (!kept.generation) return {};
  const std::string directory = runtime_directory(kept.generation->config.daemon);
  const auto state = StateFile(directory + "/state").load();
  if (!state.ok() || state.value().is_handover) return {};
  return kept;
}

}  // namespace

StartResult<std::unique_ptr<Supervisor>> Supervisor::create(Setup setup) {
  Inheritance inheritance = Inheritance::sort(std::move(setup.passed));
  LoadedGeneration first = load_generation(setup.config, 1);
  std::vector<std::string> faults;
  if (!first.generation) {
    faults = std::move(first.faults);
    first = load_kept(inheritance, setup.config);
  }
  if (!first.generation) {
    std::string all;
    for (const std::string& fault : faults) all += (all.empty() ? "" : "\n") + fault;
    return StartError{ExitStatus::Configuration, all};
  }
  const config::Daemon& daemon = first.generation->config.daemon;
  log::set_level(log::level_named(daemon.log_level));
  const std::string directory = runtime_directory(daemon);
  if (auto made = make_directory(directory); !made) return start_error(made.error());
  auto worker = find_program("sockherd-worker");
  if (!worker) return start_error(worker.error());
  const auto limit = sys::raise_descriptor_limit();
  if (!limit) return start_error(limit.error());
  sd_event* loop = nullptr;
  if (const int made = ::sd_event_default(&loop); made < 0) {
    return start_error(errno_error("sd_event_default", -made));
  }
  WorkerSetup workers{.program = worker.value(),
                      .runtime_directory = directory,
                      .overrides = setup.config.overrides,
                      .environment = setup.environment,
                      .nofile_soft = limit.value().soft};
  std::unique_ptr<Supervisor> supervisor(
      new Supervisor(loop, std::move(setup), std::move(workers), directory));
  auto started =
      supervisor->start(std::move(inheritance), std::move(*first.generation), std::move(faults));
  auto* error = std::get_if<StartError>(&started);
  if (error == nullptr) return supervisor;
  // Workers of a predecessor may serve on until somebody mends what is wrong: see has_handed_over.
  [[maybe_unused]] const Supervisor* left_alone = supervisor.release();
  return std::move(*error);
}

Supervisor::Supervisor(sd_event* loop, Setup setup, WorkerSetup workers, std::string directory)
    : loop_(loop),
      config_(std::move(setup.config)),
      runtime_directory_(std::move(directory)),
      environment_(std::move(setup.environment)),
      started_at_(monotonic_now()),
      started_time_(unix_now()),
      fleet_(static_cast<uint32_t>(::getpid())),
      hands_(loop, std::move(workers), [this](fleet::Event event) { post(std::move(event)); }),
      state_file_(runtime_directory_ + "/state") {
  log::set_observer([this](auto level, auto name, auto facts) {
    if (auto event = event_of_line(level, name, facts, unix_now())) history_.add(std::move(*event));
  });
  log_with_fields();
}

Supervisor::~Supervisor() {
  log::set_journal_sink(nullptr);
  log::set_observer(nullptr);
}

StartResult<void> Supervisor::start(Inheritance inheritance, Generation first,
                                    std::vector<std::string> faults) {
  SavedState state = load_state();
  history_.resume(state.next_event, state.events);
  first_own_worker_ = state.past.next_id;
  first.number = std::max(state.next_generation, 1U);
  next_generation_ = first.number + 1;
  fleet::Spec spec = fleet_spec(first);
  // First of all: where another sockherd answers here, its listeners must not be touched.
  auto control = ControlServer::create(loop_, bus::control_path(runtime_directory_), *this);
  if (!control) return start_error(control.error());
  control_ = std::move(control).value();
  const SocketOwners* owners = state.sockets ? &*state.sockets : nullptr;
  if (auto adopted = hands_.listeners().adopt(inheritance, first.config, owners); !adopted) {
    const int code = adopted.error().code;
    const bool is_fault = code == 0 || code == EINVAL || code == ENOTSOCK;
    return is_fault ? StartError{ExitStatus::Configuration, adopted.error().what}
                    : start_error(adopted.error());
  }
  fleet::Spec largest = spec;
  for (fleet::PoolSpec& pool : largest.pools) {
    const uint32_t before = state.past.pools[pool.name].desired;
    pool.workers = std::max(pool.workers, std::min(before, pool.max_workers));
  }
  if (auto prepared = prepare(first, largest); !prepared) return start_error(prepared.error());
  spec = hands_.with_keys(std::move(spec), first.config);
  // A worker may have the one of two sockets with one name that was put aside.
  state.past.is_stale = state.past.is_stale || state.is_handover || state.version != kVersion ||
                        state.configuration != first.hash || !inheritance.spares.empty();
  hands_.on_change([this] {
    has_unsaved_ = true;
    if (!is_processing_) save_if_changed();
  });
  hands_.add_generation(std::move(first));
  hands_.set_current(next_generation_ - 1);
  auto timer = Watch::timer(loop_, [this] { post(fleet::Tick{}); });
  if (!timer) return start_error(timer.error());
  timer_ = std::move(timer).value();
  if (auto watched = watch_signals(); !watched) return start_error(watched.error());
  auto admin = admin_sockets(hands_.current().config.admin);
  if (!admin) return start_error(admin.error());
  if (auto started = run_admin(std::move(admin).value()); !started) {
    return start_error(started.error());
  }
  auto lame_duck = Watch::timer(loop_, [this] { post(fleet::Stop{}); });
  if (!lame_duck) return start_error(lame_duck.error());
  lame_duck_ = std::move(lame_duck).value();
  auto monitor = Monitor::create(
      loop_, hands_, fleet_, [this](fleet::Event event) { post(std::move(event)); },
      [this](const Monitor::Progress& progress) { on_look(progress); });
  if (!monitor) return start_error(monitor.error());
  monitor_ = std::move(monitor).value();
  monitor_->start();
  if (!faults.empty()) {
    for (const std::string& fault : faults) log::error("configuration-broken", {{"fault", fault}});
    log::notice("going-on-with-the-configuration-before");
    reloads_.last_ok = false;
    reloads_.last_reasons = std::move(faults);
  }
  auto system_bus = SystemBus::create(loop_, *this);
  if (!system_bus) return start_error(system_bus.error());
  system_bus_ = std::move(system_bus).value();
  log::info("starting", {{"version", kVersion}, {"pid", ::getpid()}, {"config", config_.file}});
  take_over(std::move(inheritance), std::move(state), spec);
  system_bus_->want(hands_.current().config.daemon.system_bus);
  return std::monostate{};
}

int Supervisor::run() {
  const int status = ::sd_event_loop(loop_);
  // Nobody was told to go, and nothing of theirs is to be taken away: as after a kill.
  if (status < 0) has_handed_over_ = true;
  system_bus_.reset();
  control_.reset();
  return status < 0 ? static_cast<int>(ExitStatus::Failure) : status;
}

// --- events and actions

void Supervisor::post(fleet::Event event) {
  events_.push_back(std::move(event));
  if (!is_processing_) process_events();
}

// Events that actions bring about are taken in the same round, one after the other: an action never
// calls back into the fleet.
void Supervisor::process_events() {
  is_processing_ = true;
  while (!events_.empty()) {
    const fleet::Event event = std::move(events_.front());
    events_.pop_front();
    for (const fleet::Action& action : fleet_.on(event, monotonic_now())) {
      carry_out(action);
      has_unsaved_ = true;
    }
  }
  is_processing_ = false;
  after_events();
}

void Supervisor::carry_out(const fleet::Action& action) {
  if (const auto* end = std::get_if<fleet::Conclude>(&action)) {
    on_conclude(*end);
  } else if (std::holds_alternative<fleet::StartedUp>(action)) {
    on_started_up();
  } else if (const auto* failed = std::get_if<fleet::StartFailed>(&action)) {
    on_start_failed(failed->reason);
  } else if (std::holds_alternative<fleet::Finished>(action)) {
    stop_admin();
  } else if (const auto* happened = std::get_if<fleet::Happened>(&action)) {
    const WorkerProcess* process = hands_.process(happened->id);
    log_transition(*happened, process != nullptr ? process->pid() : happened->pid);
  } else if (const auto* drain = std::get_if<fleet::Drain>(&action)) {
    drains_.push_back(*drain);
    note(action);
  } else {
    std::visit(
        [this](const auto& a) {
          if constexpr (requires { hands_.carry_out(a); }) hands_.carry_out(a);
        },
        action);
    note(action);
  }
}

// What the fleet itself does not tell of: it has asked for it.
void Supervisor::note(const fleet::Action& action) const {
  const auto log = [this](const char* name, fleet::WorkerId id) {
    const WorkerProcess* process = hands_.process(id);
    const fleet::Worker* worker = fleet_.find_worker(id);
    if (process != nullptr && worker != nullptr) log_worker(name, *worker, process->pid());
  };
  if (const auto* spawn = std::get_if<fleet::Spawn>(&action)) log("worker-started", spawn->id);
  if (const auto* drain = std::get_if<fleet::Drain>(&action)) log("worker-draining", drain->id);
  if (const auto* back = std::get_if<fleet::TakeBack>(&action)) {
    log::debug("slot-returned", {{"pool", back->pool}, {"slot", back->slot}});
  }
}

void Supervisor::after_events() {
  if (has_finished_) return answer_all();
  if (const auto deadline = fleet_.next_deadline()) {
    timer_.arm(*deadline);
  } else {
    timer_.disarm();
  }
  hands_.forget_unused(fleet_.workers(), planned_generations());
  if (has_unsaved_) save_state();
  // Now whoever comes after us knows of them: of a worker that starts, and that one goes. A
  // successor to whom it still was the slot's would take its successor back.
  hands_.release_new();
  for (const fleet::Drain& drain : std::exchange(drains_, {})) hands_.carry_out(drain);
  answer_all();
  manager_.status(status_text());
  system_bus_->touch();
}

void Supervisor::answer_all() {
  for (const auto& answer : std::exchange(answers_, {})) answer();
}

void Supervisor::on_started_up() {
  manager_.ready();
  log::info("ready", {{"generation", hands_.current().number}});
}

void Supervisor::on_start_failed(const std::string& reason) {
  log::error("start-failed", {{"reason", reason}});
  start_failure_ = reason;
  post(fleet::Stop{});  // the workers of other pools may be serving already
}

// The admin process watches the drain to its end, so it is the last one to go.
void Supervisor::stop_admin() {
  if (admin_) {
    admin_->stop([this] { finish(); });
  } else {
    finish();
  }
}

void Supervisor::finish() {
  if (has_finished_) return;
  hands_.listeners().forget_clones();
  has_finished_ = true;
  const ExitStatus status = start_failure_.empty() ? ExitStatus::Ok : ExitStatus::Failure;
  log::info("stopped", {{"status", static_cast<int>(status)}});
  save_state();
  ::sd_event_exit(loop_, static_cast<int>(status));
}

std::string Supervisor::status_text() const {
  if (!start_failure_.empty()) return "start failed: " + start_failure_;
  uint64_t ready = 0;
  uint64_t desired = 0;
  for (const auto& [name, pool] : fleet_.pools()) desired += pool.desired;
  for (const auto& [id, w] : fleet_.workers()) ready += w.phase == fleet::Phase::Ready ? 1 : 0;
  if (is_lame_ && !fleet_.is_stopping()) return "stopping soon: /readyz says so";
  if (fleet_.is_stopping()) {
    return "stopping: " + std::to_string(fleet_.workers().size()) + " workers still drain";
  }
  std::string text = std::to_string(std::min(ready, desired)) + " of " + std::to_string(desired) +
                     " workers ready, generation " + std::to_string(hands_.current().number);
  if (fleet_.is_rolling()) text += ", replacing workers";
  if (!reloads_.last_ok && !reloads_.last_reasons.empty()) {
    text += "; last reload failed: " + reloads_.last_reasons.front();
  }
  return text;
}

// --- signals

Result<void> Supervisor::watch_signals() {
  const auto watch = [this](int signal, std::function<void()> callback) -> Result<void> {
    signals_.push_back(TRY(Watch::on_signal(loop_, signal, std::move(callback))));
    return {};
  };
  TRY(watch(SIGTERM, [this] { on_stop_signal(); }));
  TRY(watch(SIGINT, [this] { fleet_.is_stopping() ? on_stop_signal() : begin_stop(); }));
  TRY(watch(SIGHUP, [this] {
    [[maybe_unused]] const auto refused = reload("SIGHUP", [](const bus::Outcome&) {});
  }));
  TRY(watch(SIGUSR1, [this] { log::info("reopening-logs", {{"workers", hands_.reopen_logs()}}); }));
  TRY(watch(SIGTTIN, [this] { scale_by(1); }));
  TRY(watch(SIGTTOU, [this] { scale_by(-1); }));
  return {};
}

// --- systemd's watchdog

// It restarts us when we stand still, and also when we run but our workers do not: with a service
// that does not serve, a supervisor in good health is of no use.
void Supervisor::on_look(const Monitor::Progress& progress) {
  save_if_changed();
  manager_.extend(awaited_until(), monotonic_now());
  const auto share = static_cast<uint64_t>(hands_.current().config.daemon.watchdog_share);
  const bool is_judged = fleet_.has_started() && !fleet_.is_stopping();
  const bool is_alive = !is_judged || uint64_t{progress.serving} * 100 >= share * progress.wanted;
  if (is_alive) manager_.ping(monotonic_now());
  if (is_alive == !is_watchdog_withheld_) return;
  is_watchdog_withheld_ = !is_alive;
  log::write(is_alive ? log::Level::Notice : log::Level::Error,
             is_alive ? "watchdog-resumed" : "watchdog-withheld",
             {{"serving", progress.serving}, {"wanted", progress.wanted}});
}

// What systemd waits for where it waits for us.
std::optional<Instant> Supervisor::awaited_until() const {
  const bool is_lame_only = is_lame_ && !fleet_.is_stopping();
  return is_lame_only ? std::optional(lame_until_) : fleet_.awaited_until();
}

// The first pool of the file: what people with one pool mean, and those with more have sockherdctl.
void Supervisor::scale_by(int step) {
  const std::string pool = hands_.current().config.pools.front().name;
  const auto workers = static_cast<int64_t>(fleet_.pools().at(pool).desired) + step;
  uint32_t before = 0;
  [[maybe_unused]] const auto refused =
      scale(pool, static_cast<uint32_t>(std::max<int64_t>(workers, 0)),
            step > 0 ? "SIGTTIN" : "SIGTTOU", &before);
}

}  // namespace sockherd::supervisor
