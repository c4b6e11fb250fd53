// Succession: the part of Supervisor that takes over from a predecessor, writes down what a
// successor must know, and goes: for good, or for a restart.
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/version.h"
#include "daemon/supervisor/runtime_directory.h"
#include "daemon/supervisor/supervisor.h"

namespace sockherd::supervisor {

SavedState Supervisor::load_state() const {
  auto loaded = state_file_.load();
  if (loaded.ok()) return std::move(loaded).value();
  if (loaded.error().code != ENOENT) {
    log::warn("state-lost", {{"error", loaded.error().what}});
  }
  return {};
}

void Supervisor::take_over(Inheritance inheritance, SavedState state, const fleet::Spec& spec) {
  for (const std::string& name : inheritance.strays) {
    log::notice("stray-descriptor-closed", {{"name", name}});
    hands_.forget_stray(name);
  }
  hands_.retire(hands_.listeners().take_leftovers());
  for (fleet::Survivor& survivor : state.past.workers) {
    for (std::string& name : survivor.listeners) {
      const auto renamed = hands_.listeners().renamed().find(name);
      if (renamed != hands_.listeners().renamed().end()) name = renamed->second;
    }
    // A unit may have moved, though the configuration is the same.
    for (const fleet::PoolSpec& pool : spec.pools) {
      const bool is_ours = pool.name == survivor.pool;
      if (is_ours && pool.listeners != survivor.listeners) state.past.is_stale = true;
    }
  }
  hands_.adopt(inheritance, state);
  remove_stale_files(runtime_directory_,
                     [this](fleet::WorkerId id) { return hands_.running().contains(id); });
  before_us_ = {.warnings = state.log_warnings,
                .errors = state.log_errors,
                .admin_restarts = state.admin_restarts,
                .starts = state.starts,
                .store_failures = state.store_failures,
                .save_failures = state.save_failures};
  reloads_.total = state.reloads.total;
  reloads_.failures = state.reloads.failures;
  reloads_.last_success_time = state.reloads.last_success_time;
  if (!state.past.workers.empty()) {
    log::info("adopted", {{"workers", state.past.workers.size()},
                          {"replacing", state.past.is_stale ? "yes" : "no"}});
  }
  post(fleet::Start{spec, std::move(state.past)});
}

Supervisor::Totals Supervisor::totals() const {
  const uint64_t admin_restarts = admin_ ? admin_->restarts() : 0;
  return {.warnings = before_us_.warnings + log::count(log::Level::Warning),
          .errors = before_us_.errors + log::count(log::Level::Error),
          .admin_restarts = before_us_.admin_restarts + admin_restarts,
          .starts = before_us_.starts + 1,
          .store_failures = before_us_.store_failures + hands_.store_failures(),
          .save_failures = before_us_.save_failures + save_failures_,
          .next_event = history_.next()};
}

void Supervisor::save_state() {
  has_unsaved_ = false;
  saved_totals_ = totals();
  SavedState state{.version = kVersion,
                   .configuration = hands_.current().hash,
                   .is_handover = has_handed_over_,
                   .next_generation = next_generation_,
                   .generation = hands_.current().number,
                   .reloads = {.total = reloads_.total,
                               .failures = reloads_.failures,
                               .last_success_time = reloads_.last_success_time},
                   .log_warnings = saved_totals_.warnings,
                   .log_errors = saved_totals_.errors,
                   .admin_restarts = saved_totals_.admin_restarts,
                   .starts = saved_totals_.starts,
                   .store_failures = saved_totals_.store_failures,
                   .save_failures = saved_totals_.save_failures,
                   .next_event = saved_totals_.next_event,
                   .events = history_.counts(),
                   .past = fleet_.past(),
                   .relayed = hands_.relays().passed(),
                   .upstreams = hands_.upstreams().past(),
                   .sockets = hands_.listeners().owners()};
  for (const auto& [id, worker] : hands_.running()) {
    state.places[id] = {.pid = worker.process->pid(),
                        .seats = worker.seats,
                        .is_builtin = worker.is_builtin,
                        .address = worker.own ? worker.own->address.text() : "",
                        .stop_signal = worker.stop_signal,
                        .abort_signal = worker.abort_signal,
                        .has_beaten = worker.beats > 0};
  }
  const auto saved = state_file_.save(state);
  save_failures_ += saved.ok() ? 0 : 1;
  if (!saved && !std::exchange(has_save_failed_, true)) {
    log::error("state-not-saved", {{"error", saved.error().what}});
  }
  if (saved.ok()) has_save_failed_ = false;
}

void Supervisor::save_if_changed() {
  if (!has_finished_ && (has_unsaved_ || totals() != saved_totals_)) save_state();
}

EventRing::Page Supervisor::read_events(uint64_t since, size_t limit) {
  save_if_changed();
  return history_.read(since, limit);
}

const EventRing::Counts& Supervisor::count_events() {
  save_if_changed();
  return history_.counts();
}

// --- going

void Supervisor::on_stop_signal() {
  if (stop_query_ && !fleet_.is_stopping()) {  // no more patience: a stop, and at once
    begin_stop();
    return;
  }
  if (fleet_.is_stopping()) {
    log::notice("stopping-now");
    post(fleet::StopNow{});
    if (fleet_.workers().empty()) finish();
    return;
  }
  stop_query_ =
      StopQuery::ask(loop_, [this](bool is_restart) { is_restart ? hand_over() : begin_stop(); });
}

// A restart: everybody serves on, and the successor takes over. Nothing is to be done for it but to
// go; what it must know is written down already, save that it was asked for.
void Supervisor::hand_over() {
  if (fleet_.is_stopping() || has_finished_) return;
  has_handed_over_ = has_finished_ = true;
  hands_.flush_outputs();
  log::info("handing-over", {{"workers", fleet_.workers().size()}});
  save_state();
  ::sd_event_exit(loop_, static_cast<int>(ExitStatus::Ok));
}

void Supervisor::begin_stop() {
  if (fleet_.is_stopping()) return;
  const Duration grace = hands_.current().config.daemon.lame_duck;
  if (!is_lame_) {
    log::info("stopping");
    manager_.stopping();
  }
  if (!std::exchange(is_lame_, true) && grace > Duration{0} && fleet_.has_started()) {
    lame_until_ = monotonic_now() + grace;
    lame_duck_.arm(lame_until_);
    after_events();
  } else {
    post(fleet::Stop{});
  }
}

}  // namespace sockherd::supervisor
