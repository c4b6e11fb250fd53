#include "daemon/supervisor/hands.h"

#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <utility>

#include "daemon/base/assert.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/config/commands.h"
#include "daemon/contract/names.h"
#include "daemon/sys/listen_socket.h"
#include "daemon/sys/notify.h"
#include "daemon/sys/packet_socket.h"
#include "daemon/sys/pidfd.h"

namespace sockherd::supervisor {
namespace {

constexpr Duration kBetweenWarnings = std::chrono::seconds(10);

}  // namespace

// --- starting

void Hands::carry_out(const fleet::Spawn& action) {
  auto started = start(action);
  if (started.ok()) {
    add_running(action.id, std::move(started).value());
    const config::Config& config = generations_.at(action.generation).config;
    std::string awaited = await_ready(action.id, *config.find_pool(action.pool));
    unreleased_.push_back(action.id);
    if (!awaited.empty()) post_(fleet::WorkerAwaits{action.id, std::move(awaited)});
    return;
  }
  post_(fleet::WorkerExited{.id = action.id,
                            .kind = fleet::ExitKind::NotStarted,
                            .code = started.error().code,
                            .detail = started.error().what});
}

Result<Hands::Running> Hands::start(const fleet::Spawn& action) {
  const config::Pool* pool = generations_.at(action.generation).config.find_pool(action.pool);
  SH_ASSERT(pool != nullptr);
  Running running{.pool = action.pool,
                  .slot = action.slot,
                  .is_builtin = pool->command.empty(),
                  .threads = threads_of(*pool)};
  if (!running.is_builtin) {
    running.stop_signal = config::signal_number(pool->stop_signal);
    running.abort_signal = config::signal_number(pool->abort_signal);
  }
  auto started = take_seats(action, running);
  if (started.ok()) started = start_process(action, running);
  if (!started) {
    fold_seats(running);
    give_back_address(running);
    groups_.remove(action.id, monotonic_now());
    return std::move(started).error();
  }
  for (const uint32_t seat : running.seats) {
    statistics_.set_pid(action.pool, seat, running.process->pid());
  }
  keep(action.id, *running.process);
  return running;
}

Result<void> Hands::take_seats(const fleet::Spawn& action, Running& running) {
  while (running.seats.size() < running.threads) {
    running.seats.push_back(
        TRY(statistics_.take_seat(action.pool, action.slot, action.generation)));
  }
  return {};
}

void Hands::fold_seats(const Running& running) {
  for (const uint32_t seat : running.seats) {
    statistics_.fold(running.pool, seat);
    buses_.leave(running.pool, seat);
  }
}

SocketNumbers Hands::Running::served() const {
  SocketNumbers served = sockets;
  for (auto& [name, numbers] : served) {
    numbers.resize(std::min<size_t>(numbers.size(), threads));
  }
  return served;
}

Result<void> Hands::start_process(const fleet::Spawn& action, Running& running) {
  const config::Config& config = generations_.at(action.generation).config;
  const config::Pool& pool = *config.find_pool(action.pool);
  // The sockets are there, but for a slot beyond the wanted ones that must be emptied once more
  // after a reload gave the pool another listener.
  TRY(prepare_slots(config, pool, action.slot + 1));
  for (const std::string& name : pool.listeners) {
    const std::string key = listeners_.key_of(*config.find_listener(name));
    running.listeners.push_back(key);
    std::vector<uint32_t>& numbers = running.sockets[key] = listeners_.numbers(key, action.slot);
    if (!running.is_builtin) numbers.resize(1);  // it would not know what to do with others
    if (config::handover_of(pool) == config::Handover::ReusePort) continue;
    // A program that bound by itself may have wanted its socket to block (bind_keeper.h).
    for (const uint32_t number : numbers) {
      TRY(sys::make_nonblocking(listeners_.socket(key, number)));
    }
  }
  TRY(take_address(action, pool, running));
  const auto to_bind = address_to_bind(pool, running);
  const NewWorker worker{.setup = setup_,
                         .generation = generations_.at(action.generation),
                         .pool = pool,
                         .slot = action.slot,
                         .sockets = running.sockets,
                         .seats = running.seats,
                         .threads = running.threads,
                         .statistics = TRY(statistics_.segment_fd(action.pool)),
                         .host = to_bind ? to_bind->host() : "",
                         .port = to_bind ? std::to_string(to_bind->port()) : "",
                         .socket = running.own ? running.own->socket() : ""};
  sys::SpawnRequest request = request_for(worker, listeners_);
  sys::PacketPair control;
  if (running.is_builtin) {
    control = TRY(sys::create_packet_pair());
    request.fds.push_back({control.theirs.get(), contract::kControlFd});
    const RoomBuses::Descriptors bus = TRY(buses_.descriptors(action.pool));
    request.fds.push_back({bus.file, contract::kBusFd});
    request.fds.push_back({bus.bell, contract::kBellFd});
    TRY(pass_upstreams(pool, request));
  } else if (!sys::has_manager()) {
    // Nobody would hand it to a successor of ours, and it does not notice that we are gone.
    request.signal_at_parents_end = running.stop_signal;
  }
  if (running.own && !running.own->socket().empty()) {
    request.gifts.push_back(std::filesystem::path(running.own->socket()).parent_path());
  }
  const UniqueFd group = groups_.create(action.id, pool);
  request.group = group.get();
  request.is_gated = true;
  sys::OutputPipe output = TRY(Outputs::open(pool));
  request.output = output.theirs.get();
  running.process =
      TRY(WorkerProcess::start(loop_, action.id, std::move(request), notify_path(action.id),
                               callbacks_of(action.id), std::move(control.ours)));
  watch_binds(action.id, running);
  if (output.ours) take_output(action.id, action.generation, running, std::move(output.ours));
  return {};
}

// One whose output cannot be read serves all the same, until it writes.
void Hands::take_output(fleet::WorkerId id, uint32_t generation, const Running& running,
                        UniqueFd pipe) {
  stats::Counters* counters =
      running.seats.empty() ? nullptr
                            : &statistics_.counters_of_command(running.pool, running.seats.front());
  const OutputSource source{running.pool, running.slot, generation, running.process->pid()};
  const auto begun = outputs_.begin(id, source, std::move(pipe), counters);
  if (begun.ok()) return;
  log::error("output-not-read", {{"pool", running.pool},
                                 {"slot", running.slot},
                                 {"pid", running.process->pid()},
                                 {"error", begun.error().what}});
}

WorkerProcess::Callbacks Hands::callbacks_of(fleet::WorkerId id) {
  return {.on_notification = [this, id](const auto& said) { on_notification(id, said); },
          .on_exit = [this](fleet::WorkerExited e) { on_exit(std::move(e)); },
          .on_message = [this, id](const contract::Message& message,
                                   UniqueFd fd) { relay_.on_message(id, message, std::move(fd)); },
          .may_take_message = [this, id] { return relay_.may_take_message(id); },
          .on_stranger = [this, id](const auto& said) { on_stranger(id, said); }};
}

void Hands::add_running(fleet::WorkerId id, Running running) {
  WorkerProcess& process = *running.process;
  if (process.control_fd() >= 0) {
    relay_.add(id, {.pool = running.pool,
                    .slot = running.slot,
                    .listeners = running.listeners,
                    .sockets = running.sockets,
                    .control = process.control_fd(),
                    .listen_again = [&process] { return process.listen_again(); }});
  }
  running_[id] = std::move(running);
}

// A command may know nothing of READY=1: then it is looked at from outside.
std::string Hands::await_ready(fleet::WorkerId id, const config::Pool& pool) {
  const Running& running = running_.at(id);
  if (running.is_builtin) return "";
  Readiness::Subject subject{
      .pool = pool,
      .pid = running.process->pid(),
      .own_address = running.own ? std::optional(running.own->address) : std::nullopt,
      .is_alone = [this, id] { return is_alone(id); }};
  for (const auto& [name, numbers] : running.sockets) {
    if (numbers.empty() || listeners_.groups().at(name).is_unix()) continue;
    subject.listener = name;
    subject.number = numbers.front();
    break;
  }
  return readiness_.begin(id, std::move(subject));
}

// Whether nobody else can accept from its sockets.
bool Hands::is_alone(fleet::WorkerId id) const {
  const auto& sockets = running_.at(id).sockets;
  for (const auto& [name, numbers] : sockets) {
    const auto is_relayed = [&, &key = name](uint32_t number) {
      return relays_.is_at({key, number});
    };
    if (std::any_of(numbers.begin(), numbers.end(), is_relayed)) return false;
  }
  return std::none_of(running_.begin(), running_.end(), [&](const auto& other) {
    if (other.first == id) return false;
    return std::any_of(sockets.begin(), sockets.end(), [&](const auto& mine) {
      const auto theirs = other.second.sockets.find(mine.first);
      if (theirs == other.second.sockets.end()) return false;
      return std::find_first_of(mine.second.begin(), mine.second.end(), theirs->second.begin(),
                                theirs->second.end()) != mine.second.end();
    });
  });
}

std::string Hands::notify_path(fleet::WorkerId id) const {
  return setup_.runtime_directory + "/notify." + std::to_string(id);
}

void Hands::release_new() {
  for (const fleet::WorkerId id : unreleased_) {
    const auto found = running_.find(id);
    if (found != running_.end()) found->second.process->release();
  }
  unreleased_.clear();
}

void Hands::keep(fleet::WorkerId id, const WorkerProcess& process) {
  store_.keep({Kept::Worker, id, ""}, process.pidfd());
  store_.keep({Kept::Notify, id, ""}, process.notify_fd());
  if (process.control_fd() >= 0) store_.keep({Kept::Control, id, ""}, process.control_fd());
}

void Hands::forget(fleet::WorkerId id) {
  for (const Kept kind : {Kept::Worker, Kept::Notify, Kept::Control, Kept::Binds, Kept::Output})
    store_.forget({kind, id, ""});
}

// --- ending

void Hands::carry_out(const fleet::Drain& action) {
  readiness_.forget(action.id);
  relay_.prepare(action.id);
  const auto found = running_.find(action.id);
  if (found != running_.end()) found->second.process->send(found->second.stop_signal);
}

void Hands::carry_out(const fleet::Abort& action) {
  readiness_.forget(action.id);
  const auto found = running_.find(action.id);
  if (found != running_.end()) found->second.process->send(found->second.abort_signal);
}

void Hands::carry_out(const fleet::Kill& action) {
  readiness_.forget(action.id);
  if (const WorkerProcess* worker = process(action.id)) worker->send(SIGKILL);
}

// One that starts reads it when it has started.
size_t Hands::reopen_logs() {
  size_t told = 0;
  for (const auto& [id, running] : running_) {
    if (!running.is_builtin || running.listeners.empty()) continue;
    const contract::Message message{.verb = contract::Verb::Reopen,
                                    .listener = running.listeners.front(),
                                    .slot = running.slot};
    const auto sent = running.process->tell(message);
    told += sent.ok() ? 1 : 0;
    if (sent.ok()) continue;
    log::warn("reopen-not-told", {{"pool", running.pool},
                                  {"slot", running.slot},
                                  {"pid", running.process->pid()},
                                  {"error", sent.error().what}});
  }
  return told;
}

void Hands::on_notification(fleet::WorkerId id, const sys::Notification& said) {
  readiness_.on_notification(id, said);
  if (said.beats && ++running_.at(id).beats == 1 && changed_) changed_();
  if (said.is_hung) {
    post_(fleet::WorkerHung{id, "it says so itself", fleet::HangReason::Watchdog});
  }
  if (said.extend_timeout) post_(fleet::WorkerExtends{id, *said.extend_timeout});
  if (said.ready) post_(fleet::WorkerReady{id});
  if (said.stopping) post_(fleet::WorkerStopping{id});
}

// A flood of them is one line now and then.
void Hands::on_stranger(fleet::WorkerId id, const sys::Notification& said) {
  ++strangers_;
  const Instant now = monotonic_now();
  if (stranger_said_at_ && now - *stranger_said_at_ < kBetweenWarnings) return;
  stranger_said_at_ = now;
  const Running& running = running_.at(id);
  log::warn("notification-refused",
            {{"pool", running.pool},
             {"slot", running.slot},
             {"pid", running.process->pid()},
             {"sender", said.sender},
             {"sender_uid", said.sender_uid},
             {"messages", std::exchange(strangers_, 0)},
             {"next", "only root, the user of the worker and its process group may speak for it"}});
}

void Hands::on_exit(fleet::WorkerExited exited) {
  const auto found = running_.find(exited.id);
  SH_ASSERT(found != running_.end());
  // What it has started shall finish, too, and not go on accepting for a version that is gone. Its
  // number is nobody else's before this event is over; of an adopted one that is not certain.
  if (!found->second.is_builtin && exited.kind != fleet::ExitKind::Unknown && exited.pid > 0) {
    ::kill(-exited.pid, found->second.stop_signal);
  }
  groups_.remove(exited.id, monotonic_now() + drain_timeout_of(found->second.pool));
  outputs_.end(exited.id);  // its last words, before it is said that it has ended
  fold_seats(found->second);
  give_back_address(found->second);
  upstreams_.forget_lanes_of(found->second.process->pid());
  relay_.remove(exited.id);
  readiness_.forget(exited.id);
  running_.erase(found);
  forget(exited.id);
  post_(std::move(exited));
}

Duration Hands::drain_timeout_of(const std::string& pool) const {
  constexpr Duration kOfOnesThatAreGone = std::chrono::seconds(30);
  const config::Pool* known = current().config.find_pool(pool);
  return known != nullptr ? Duration(known->drain_timeout) : kOfOnesThatAreGone;
}

const WorkerProcess* Hands::process(fleet::WorkerId id) const {
  const auto found = running_.find(id);
  return found == running_.end() ? nullptr : found->second.process.get();
}

// --- generations

Result<void> Hands::prepare_slots(const config::Config& config, const config::Pool& pool,
                                  uint32_t count) {
  for (const std::string& name : pool.listeners) {
    const config::Listener* listener = config.find_listener(name);
    SH_ASSERT(listener != nullptr);
    TRY(listeners_.ensure(*listener, count, threads_of(pool)));
  }
  return {};
}

fleet::Spec Hands::with_keys(fleet::Spec spec, const config::Config& config) const {
  for (fleet::PoolSpec& pool : spec.pools) {
    for (std::string& name : pool.listeners) {
      name = listeners_.key_of(*config.find_listener(name));
    }
  }
  return spec;
}

void Hands::add_generation(Generation generation) {
  const uint32_t number = generation.number;
  generations_[number] = std::move(generation);
}

// Kept, so that a successor can go on with it even if the file is broken by then.
void Hands::set_current(uint32_t number) {
  if (current_ != 0) store_.forget({Kept::Config, current_, ""});
  current_ = number;
  store_.keep({Kept::Config, number, ""}, generations_.at(number).text->get());
}

void Hands::forget_unused(const std::map<fleet::WorkerId, fleet::Worker>& workers,
                          const std::set<uint32_t>& planned) {
  planned_ = planned;
  const auto is_used = [&](uint32_t number) {
    if (number == current_ || planned.contains(number)) return true;
    return std::any_of(workers.begin(), workers.end(),
                       [&](const auto& w) { return w.second.generation == number; });
  };
  std::erase_if(generations_, [&](const auto& g) { return !is_used(g.first); });
  upstreams_.keep_only(used_upstreams());
}

}  // namespace sockherd::supervisor
