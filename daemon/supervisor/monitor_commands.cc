// The part of Monitor that looks at commands, from outside.
#include <algorithm>

#include "daemon/supervisor/monitor.h"
#include "daemon/sys/accepted.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/process_family.h"

namespace sockherd::supervisor {
namespace {

// Memory grows slowly, and to look for it costs some microseconds a process.
constexpr uint64_t kLooksAtMemory = 10;

}  // namespace

void Monitor::State::look_at_command(const fleet::Worker& known, const Hands::Running& worker,
                                     const config::Pool& pool, Instant now) {
  Command& command = commands[known.id];
  // From the first WATCHDOG=1 on it is expected; nobody has to say it.
  if (worker.beats > 0) {
    const auto late = command.beats.look({.beats = worker.beats}, now, pool.hang_timeout);
    if (late) {
      post(fleet::WorkerHung{known.id, "WATCHDOG=1 is late", fleet::HangReason::Watchdog});
      return;
    }
  }
  look_at_queue(known, worker, command, now, pool.hang_timeout);
  const char* wear = known.worn ? nullptr : find_wear(worker, known.id, pool);
  if (wear != nullptr) post(fleet::WorkerWorn{known.id, wear});
}

void Monitor::State::look_at_queue(const fleet::Worker& known, const Hands::Running& worker,
                                   Command& command, Instant now, Duration limit) {
  const auto& served = fleet.pools().at(known.pool).served;
  const bool gets_more = std::any_of(served.begin(), served.end(), [&](const fleet::Served& one) {
    return one.worker == known.id;
  });
  const bool was_stalling = command.queue.last_verdict() == QueueWatch::Verdict::Stalls;
  const bool was_flowing = command.queue.last_verdict() == QueueWatch::Verdict::Flows;
  const auto verdict = command.queue.look({.length = queue_of(worker), .gets_more = gets_more}, now,
                                          limit, [&] { return moved(worker, command.waiting); });
  if (verdict == QueueWatch::Verdict::Doubtful && was_flowing) note_waiting(worker, command);
  if (verdict == QueueWatch::Verdict::Flows) command.waiting = {};
  if (verdict == QueueWatch::Verdict::Hangs) {
    post(fleet::WorkerHung{known.id, "connections wait and none is accepted",
                           fleet::HangReason::Queue});
    return;
  }
  const bool stalls = verdict == QueueWatch::Verdict::Stalls;
  if (stalls == was_stalling) return;
  post(fleet::WorkerStalls{known.id, stalls ? fleet::Flow::Stands : fleet::Flow::Goes});
}

// Costs a microsecond for each connection that is open on its ports; so only in doubt.
void Monitor::State::note_waiting(const Hands::Running& worker, Command& command) {
  Waiting noted{
      .own = queue_of(worker), .by_port = {}, .run_time = sys::run_time_of(worker.process->pid())};
  uint64_t seen = 0;
  for (const uint16_t port : ports_of(worker)) {
    auto waiting = sys::waiting_connections(port);
    if (!waiting.ok()) continue;
    seen += waiting->size();
    noted.by_port[port] = std::move(waiting).value();
  }
  noted.own = std::min(noted.own, seen);  // those that their client has reset are only in the queue
  command.waiting = std::move(noted);
}

// Siblings wait for others at the same port. Who has accepted nothing still has all of his own, so
// where fewer wait than he had, he moves; and who has not run has accepted nothing. Without
// evidence (no NETLINK, say) nobody is accused.
QueueWatch::Moved Monitor::State::moved(const Hands::Running& worker, const Waiting& noted) {
  using Moved = QueueWatch::Moved;
  uint64_t left = 0;
  bool is_one_gone = false;
  for (const auto& [port, before] : noted.by_port) {
    auto now_waiting = sys::waiting_connections(port);
    if (!now_waiting.ok()) return Moved::Yes;
    for (const uint64_t one : before) {
      const bool waits = now_waiting->contains(one);
      left += waits ? 1 : 0;
      is_one_gone |= !waits;
    }
  }
  if (noted.own == 0 || left < noted.own) return Moved::Yes;
  if (!is_one_gone) return Moved::No;
  const bool has_stood =
      noted.run_time && sys::run_time_of(worker.process->pid()) == noted.run_time;
  return has_stood ? Moved::No : Moved::Perhaps;
}

// A Unix socket that several share says nothing about one of them, and its own of a worker tells
// nobody how long its queue is.
uint64_t Monitor::State::queue_of(const Hands::Running& worker) {
  uint64_t length = 0;
  if (worker.own && !worker.own->address.is_unix()) {
    if (!queues) {
      auto all = sys::listening_queues();
      queues = all.ok() ? std::move(all).value() : std::map<uint16_t, uint64_t>();
    }
    const auto found = queues->find(worker.own->address.port());
    if (found != queues->end()) length += found->second;
  }
  for (const auto& [name, numbers] : worker.sockets) {
    for (const uint32_t number : numbers) {
      const int socket = hands.listeners().find_socket(name, number);
      if (socket >= 0) length += sys::accept_queue(socket).length;
    }
  }
  return length;
}

std::vector<uint16_t> Monitor::State::ports_of(const Hands::Running& worker) const {
  std::vector<uint16_t> ports;
  if (worker.own && !worker.own->address.is_unix()) ports.push_back(worker.own->address.port());
  for (const auto& [name, numbers] : worker.sockets) {
    const auto group = hands.listeners().groups().find(name);
    if (group == hands.listeners().groups().end() || group->second.is_unix()) continue;
    ports.push_back(group->second.address.port());
  }
  return ports;
}

const char* Monitor::State::find_wear(const Hands::Running& worker, fleet::WorkerId id,
                                      const config::Pool& pool) const {
  if (pool.max_requests > 0) {
    const auto requests = hands.requests_of(worker);
    if (requests && *requests >= requests_before_renewal(pool.max_requests, id)) {
      return "max_requests";
    }
  }
  const bool looks_at_memory = pool.max_memory > 0 && (looks + id) % kLooksAtMemory == 0;
  if (looks_at_memory &&
      sys::memory_of(worker.process->pid()) > static_cast<uint64_t>(pool.max_memory)) {
    return "max_memory";
  }
  return nullptr;
}

}  // namespace sockherd::supervisor
