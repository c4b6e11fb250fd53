#include "daemon/supervisor/monitor.h"

#include <algorithm>

#include "daemon/base/clock.h"
#include "daemon/sys/listen_socket.h"

namespace sockherd::supervisor {
namespace {

// A look costs some microseconds a worker. What waits in a socket that nobody attends to waits at
// most so long.
constexpr Duration kInterval = std::chrono::milliseconds(200);

}  // namespace

uint64_t requests_before_renewal(int64_t most, fleet::WorkerId id) {
  const auto requests = static_cast<uint64_t>(most);
  return requests - requests / 1000 * (id * 37 % 200);
}

Result<Monitor> Monitor::create(sd_event* loop, Hands& hands, const fleet::Fleet& fleet,
                                std::function<void(fleet::Event)> post,
                                std::function<void(const Progress&)> looked) {
  Monitor monitor;
  monitor.state_.reset(new State{hands, fleet, std::move(post), std::move(looked)});
  State* state = monitor.state_.get();
  state->timer = TRY(Watch::timer(loop, [state] { state->look(); }));
  return monitor;
}

void Monitor::start() {
  state_->timer.arm(monotonic_now() + kInterval);
}

void Monitor::State::look() {
  const Instant now = monotonic_now();
  timer.arm(now + kInterval);
  const auto has_ended = [this](const auto& w) { return !hands.running().contains(w.first); };
  std::erase_if(watches, has_ended);
  std::erase_if(commands, has_ended);
  queues.reset();
  ++looks;
  for (const auto& [id, worker] : hands.running()) look_at(id, worker, now);
  if (!fleet.is_stopping()) hands.sweep(fleet.workers());
  looked(progress());
}

void Monitor::State::look_at(fleet::WorkerId id, const Hands::Running& worker, Instant now) {
  const fleet::Worker* known = fleet.find_worker(id);
  const config::Pool* pool = hands.current().config.find_pool(worker.pool);
  const bool is_ready = known != nullptr && known->phase == fleet::Phase::Ready;
  if (!is_ready || pool == nullptr) return;
  worker.is_builtin ? look_at_engine(*known, worker, *pool, now)
                    : look_at_command(*known, worker, *pool, now);
}

void Monitor::State::look_at_engine(const fleet::Worker& known, const Hands::Running& worker,
                                    const config::Pool& pool, Instant now) {
  if (worker.seats.empty()) return;
  uint64_t requests = 0;
  for (const uint32_t seat : worker.seats) {
    requests += hands.statistics().counters(worker.pool, seat).get(stats::Count::Requests);
  }
  if (const auto reason = find_hang(known.id, worker, now, pool.hang_timeout)) {
    const bool is_loop = *reason == fleet::HangReason::Loop;
    post(fleet::WorkerHung{
        known.id, is_loop ? "its loop stands still" : "connections wait and none is accepted",
        *reason});
  } else if (pool.max_requests > 0 && !known.worn &&
             requests >= requests_before_renewal(pool.max_requests, known.id)) {
    post(fleet::WorkerWorn{known.id, "max_requests"});
  }
}

// One thread that stands still is enough: what it has accepted waits, and what is steered to it.
std::optional<fleet::HangReason> Monitor::State::find_hang(fleet::WorkerId id,
                                                           const Hands::Running& worker,
                                                           Instant now, Duration limit) {
  std::vector<HangWatch>& threads = watches[id];
  threads.resize(worker.seats.size());
  std::optional<fleet::HangReason> why;
  for (size_t thread = 0; thread < threads.size(); ++thread) {
    const stats::Counters& counters =
        hands.statistics().counters(worker.pool, worker.seats[thread]);
    const uint64_t accepted = counters.get(stats::Count::ConnectionsAccepted) +
                              counters.get(stats::Count::ConnectionsRefused) +
                              counters.get(stats::Count::AcceptErrors);
    const auto fault = threads[thread].look({.beats = counters.get(stats::Count::LoopIterations),
                                             .accepted = accepted,
                                             .has_queue = has_queue(worker, thread)},
                                            now, limit);
    if (fault) why = fault;
  }
  return why;
}

bool Monitor::State::has_queue(const Hands::Running& worker, size_t thread) const {
  for (const auto& [name, numbers] : worker.sockets) {
    for (size_t lane = thread; lane < numbers.size(); lane += worker.seats.size()) {
      const int socket = hands.listeners().find_socket(name, numbers[lane]);
      if (socket >= 0 && sys::accept_queue(socket).length > 0) return true;
    }
  }
  return false;
}

Monitor::Progress Monitor::State::progress() const {
  Progress progress;
  for (const auto& [name, pool] : fleet.pools()) {
    // Others answer for one that is asked and does not come, and another supervisor would not help.
    if (pool.removed || pool.provisional || fleet.is_dispensable(pool)) continue;
    progress.wanted += pool.desired;
    // With nobody left that list stays as it was, for the kernel's sake.
    for (const fleet::Served& one : pool.served) {
      const fleet::Worker* worker = fleet.find_worker(one.worker);
      const bool is_serving = worker != nullptr && worker->phase == fleet::Phase::Ready;
      progress.serving += is_serving && one.slot < pool.desired ? 1 : 0;
    }
  }
  return progress;
}

}  // namespace sockherd::supervisor
