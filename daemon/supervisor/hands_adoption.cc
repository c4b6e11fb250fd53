// Adoption: the part of Hands that takes over the workers of a predecessor, and the memory that
// they share with us.
#include <unistd.h>

#include <csignal>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/supervisor/hands.h"
#include "daemon/sys/pidfd.h"

namespace sockherd::supervisor {

// Returns the pools whose statistics go on. Without them nobody knows which seats of a bus are
// taken.
std::set<std::string> Hands::adopt_memory(Inheritance& from) {
  std::set<std::string> counted;
  for (auto& [pool, fd] : from.statistics) {
    auto adopted = statistics_.adopt(pool, std::move(fd));
    if (adopted.ok()) {
      counted.insert(pool);
    } else {
      log::notice("statistics-begin-anew", {{"pool", pool}, {"why", adopted.error().what}});
    }
  }
  for (auto& [pool, bus] : from.buses) {
    auto adopted = counted.contains(pool)
                       ? buses_.adopt(pool, std::move(bus.file), std::move(bus.bell))
                       : Result<void>(Error{0, "so do its statistics"});
    if (adopted.ok()) continue;
    log::notice("bus-begins-anew", {{"pool", pool}, {"why", adopted.error().what}});
    buses_.forget(pool);
  }
  return counted;
}

void Hands::leave_other_seats(const std::set<std::string>& pools) {
  for (const std::string& pool : pools) {
    std::set<uint32_t> seats;
    for (const auto& [id, running] : running_) {
      if (running.pool == pool) seats.insert(running.seats.begin(), running.seats.end());
    }
    statistics_.fold_all_but(pool, seats);
    buses_.leave_all_but(pool, seats);
  }
}

void Hands::adopt(Inheritance& from, SavedState& state) {
  const std::set<std::string> counted = adopt_memory(from);
  // Who proxies by memory that is lost asks nobody that comes: he is replaced.
  upstreams_.set_past(state.upstreams);
  relays_.set_passed(state.relayed);
  if (!adopt_upstreams(from)) state.past.is_stale = true;
  for (const auto& [id, worker] : from.workers) {  // should the state be lost
    state.past.next_id = std::max(state.past.next_id, id + 1);
  }
  std::map<fleet::WorkerId, std::string> awaited;
  std::erase_if(state.past.workers, [&](const fleet::Survivor& survivor) {
    const auto remains = from.workers.find(survivor.id);
    Inheritance::Worker nothing;
    Inheritance::Worker& worker = remains != from.workers.end() ? remains->second : nothing;
    auto adopted =
        adopt_worker(survivor, state.places[survivor.id], worker, counted.contains(survivor.pool));
    groups_.adopt(survivor.id);
    if (adopted.ok()) {
      add_running(survivor.id, std::move(adopted).value());
      const config::Pool* pool = current().config.find_pool(survivor.pool);
      if (survivor.phase == fleet::Phase::Starting && pool != nullptr) {
        awaited[survivor.id] = await_ready(survivor.id, *pool);
      }
      if (survivor.phase == fleet::Phase::Draining) remind_to_drain(survivor.id);
      if (remains != from.workers.end()) from.workers.erase(remains);
      return false;
    }
    log::notice("worker-lost", {{"pool", survivor.pool},
                                {"slot", survivor.slot},
                                {"pid", state.places[survivor.id].pid},
                                {"why", adopted.error().what}});
    if (worker.output) {
      outputs_.read_remains(
          {survivor.pool, survivor.slot, survivor.generation, state.places[survivor.id].pid},
          std::move(worker.output));
    }
    forget(survivor.id);
    remove_files(survivor.id);
    groups_.remove(survivor.id, monotonic_now() + drain_timeout_of(survivor.pool));
    // One that lives and that we can not take over would serve in a slot that gets another one.
    if (worker.pidfd) [[maybe_unused]]
      const auto told = sys::send_signal(worker.pidfd.get(), SIGTERM);
    if (remains != from.workers.end()) from.workers.erase(remains);
    fleet::PastPool& pool = state.past.pools[survivor.pool];
    ++pool.exits.exit;
    if (survivor.owns_slot && survivor.slot < pool.slots.size()) {
      ++pool.slots[survivor.slot].restarts;
      pool.slots[survivor.slot].last_exit = "ended while sockherd was away";
    }
    return true;
  });
  for (fleet::Survivor& survivor : state.past.workers) survivor.awaits = awaited[survivor.id];
  for (auto& [id, worker] : from.workers) dismiss_unknown(id, worker);
  // What ended workers had left behind was known to the predecessor only.
  const fleet::WorkerId highest = groups_.adopt_rest(monotonic_now() + drain_timeout_of(""));
  state.past.next_id = std::max(state.past.next_id, highest + 1);
  for (const auto& [number, text] : from.configs) store_.forget({Kept::Config, number, ""});
  leave_other_seats(counted);
  leave_other_places();
}

// Its predecessor has saved that it drains, and may not have come to tell it. A command has only
// its signal for that, and a second one may mean something else.
void Hands::remind_to_drain(fleet::WorkerId id) {
  const Running& running = running_.at(id);
  if (!running.is_builtin) return;
  relay_.prepare(id);
  // One that cannot be told is killed at its deadline.
  [[maybe_unused]] const auto told = running.process->tell(
      {.verb = contract::Verb::Drain, .listener = running.pool, .slot = running.slot});
}

// A pidfd never means another process, so a number that was used again can not mislead us. Where
// this fails, it stays in `from`.
Result<Hands::Running> Hands::adopt_worker(const fleet::Survivor& survivor,
                                           const SavedState::Place& place,
                                           Inheritance::Worker& from, bool has_statistics) {
  if (!from.pidfd) return Error{ESRCH, "ended while sockherd was away"};
  const pid_t pid = TRY(sys::pid_of(from.pidfd.get()));
  if (pid != place.pid) return Error{ESRCH, "its pidfd is of process " + std::to_string(pid)};
  Running running{.pool = survivor.pool,
                  .slot = survivor.slot,
                  .listeners = survivor.listeners,
                  .is_builtin = place.is_builtin,
                  .threads = std::max(1U, static_cast<uint32_t>(place.seats.size()))};
  if (place.stop_signal > 0) running.stop_signal = place.stop_signal;
  if (place.abort_signal > 0) running.abort_signal = place.abort_signal;
  running.beats = place.has_beaten ? 1 : 0;
  for (const uint32_t seat : place.seats) {
    if (has_statistics && statistics_.has_seat(seat)) running.seats.push_back(seat);
  }
  for (const std::string& name : running.listeners) {
    running.sockets[name] = listeners_.numbers(name, running.slot);
  }
  adopt_address(place.address, running);
  if (from.binds) adopt_binds(survivor.id, std::move(from.binds), running);
  running.sockets = running.served();  // whether it has more we do not know: they are swept
  const bool had_notify = static_cast<bool>(from.notify);
  WorkerProcess::Remains remains{.pid = pid,
                                 .pidfd = std::move(from.pidfd),
                                 .control = std::move(from.control),
                                 .notify = std::move(from.notify)};
  auto process = WorkerProcess::adopt(loop_, survivor.id, remains, notify_path(survivor.id),
                                      callbacks_of(survivor.id));
  from.pidfd = std::move(remains.pidfd);
  running.process = TRY(std::move(process));
  if (!had_notify) store_.keep({Kept::Notify, survivor.id, ""}, running.process->notify_fd());
  if (from.output) {
    take_output(survivor.id, survivor.generation, running, std::move(from.output));
  }
  return running;
}

// Nothing else comes across what a worker has left there: the numbers only grow.
void Hands::remove_files(fleet::WorkerId id) {
  addresses_.remove(id);
  ::unlink(notify_path(id).c_str());
}

// Left by a predecessor that could not write down who it is. It finishes what it has.
void Hands::dismiss_unknown(fleet::WorkerId id, Inheritance::Worker& from) {
  const bool is_alive = from.pidfd && sys::send_signal(from.pidfd.get(), SIGTERM).ok();
  log::warn("unknown-worker",
            {{"name", KeptName{Kept::Worker, id, ""}.text()}, {"drains", is_alive ? "yes" : "no"}});
  forget(id);
  remove_files(id);
  if (is_alive) {
    // Nobody knows how long it may take: only one that never ends is ended.
    constexpr Duration kLongest = std::chrono::hours(1);
    groups_.adopt(id);
    groups_.remove(id, monotonic_now() + kLongest);
  }
  // It must not end by what it says.
  if (is_alive && from.output) {
    [[maybe_unused]] const auto begun =
        outputs_.begin(id, {.pool = "unknown"}, std::move(from.output), nullptr);
  }
}

}  // namespace sockherd::supervisor
