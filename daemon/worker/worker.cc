#include "daemon/worker/worker.h"

#include <sys/resource.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/log.h"
#include "daemon/sys/affinity.h"
#include "daemon/sys/notify.h"
#include "daemon/worker/engine.h"

namespace sockherd::worker {
namespace {

constexpr int kExitFailure = 1;

// How often a worker without connections looks whether those that it gave away have arrived.
constexpr Duration kLastLook = std::chrono::milliseconds(1);

Result<UniqueFd> open_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGUSR1);       // also without a log: systemctl kill sends it to all
  std::signal(SIGPIPE, SIG_IGN);  // sendfile(2) has no MSG_NOSIGNAL
  // Sent to a stopped process whose process group is orphaned (setpgid(2)), as ours is when the
  // supervisor goes; we shall outlive it.
  std::signal(SIGHUP, SIG_IGN);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return errno_error("sigprocmask");
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return errno_error("signalfd");
  return fd;
}

// Raises the soft limit to the hard one and returns it.
size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return soft;
  return limit.rlim_cur;
}

// So that the last one that a drain closes has its close_timeout, also where an application opens
// WebSockets that the configuration does not tell of.
void fit_into(Duration drain_timeout, WebSocketLimits& limits) {
  const Duration window = std::max(drain_timeout - limits.close_timeout, drain_timeout / 2);
  limits.drain = std::min(limits.drain, window);
}

// What each thread is made of.
std::vector<Crew::Member> members_of(Launch& launch, Modules& modules, AccessWriter* access_log) {
  const auto threads = static_cast<uint32_t>(launch.parts.size());
  const std::vector<uint32_t> cpus =
      launch.pool.pin == "auto" ? sys::allowed_cpus() : std::vector<uint32_t>{};
  config::Limits share = launch.pool.limits;
  share.max_connections = (share.max_connections + threads - 1) / threads;
  const bool has_proxies =
      std::any_of(launch.pool.routes.begin(), launch.pool.routes.end(),
                  [](const config::Route& route) { return !route.proxy.empty(); });
  Limits limits = Limits::create(share, raise_descriptor_limit() / threads,
                                 has_proxies ? Limits::Proxies::Some : Limits::Proxies::None);
  fit_into(launch.pool.drain_timeout, limits.web_socket);
  std::vector<Crew::Member> members;
  for (uint32_t thread = 0; thread < threads; ++thread) {
    Identity identity = launch.identity;
    identity.thread = thread;
    Lane::Setup setup{&launch.pool, std::move(identity), limits, std::nullopt,
                      &modules,     access_log};
    if (!cpus.empty()) setup.cpu = sys::cpu_of(cpus, launch.identity.slot, thread, threads);
    members.push_back({std::move(setup), std::move(launch.parts[thread])});
  }
  return members;
}

// Which thread serves which socket.
std::map<Place, size_t> lanes_of(const Launch& launch) {
  std::map<Place, size_t> lanes;
  for (size_t i = 0; i < launch.parts.size(); ++i) {
    for (const Launch::Listener& each : launch.parts[i].listeners) lanes.emplace(each.place, i);
  }
  return lanes;
}

// Before the threads that serve, whose CPUs it shall not share (pin).
Result<AccessWriterHandle> start_access_log(Launch& launch) {
  Result<AccessWriterHandle> started =
      AccessLog::start_writer(launch.pool, launch.identity.slot, launch.parts.size(),
                              launch.access_log_statistics.counters());
  if (started.ok()) return started;
  return Error{kExitConfiguration, launch.access_log_option + ": " + started.error().what};
}

void tell_manager(const std::string& state) {
  const Result<void> told = sys::notify(state);
  if (!told.ok()) log::warn("notify-failed", {{"error", told.error().what}});
}

}  // namespace

Worker::Worker(Launch& launch, AccessWriterHandle access_writer, UniqueFd signals)
    : drain_timeout_(launch.pool.drain_timeout),
      access_log_statistics_(std::move(launch.access_log_statistics)),
      access_writer_(std::move(access_writer)),
      signals_(std::move(signals)) {}

Worker::~Worker() = default;

Result<std::unique_ptr<Worker>> Worker::create(Launch launch, Modules& modules) {
  Result<UniqueFd> signals = open_signals();
  if (!signals.ok()) return Error{kExitFailure, signals.error().what};
  std::map<Place, size_t> lanes = lanes_of(launch);
  auto access_log = TRY(start_access_log(launch));  // not within new: what it returns from leaks
  std::unique_ptr<Worker> worker(
      new Worker(launch, std::move(access_log), std::move(signals).value()));
  std::vector<Crew::Member> members = members_of(launch, modules, worker->access_writer_.get());
  worker->lane_ = TRY(Lane::create(members[0].setup, std::move(members[0].part)));
  members.erase(members.begin());
  io::Loop& loop = worker->lane_->loop();
  Result<io::Watch> watch = loop.watch(worker->signals_.get(), io::event::kReadable, *worker);
  if (!watch.ok()) return Error{kExitFailure, watch.error().what};
  worker->signal_watch_ = std::move(watch).value();
  if (launch.control) {
    auto opened = Control::create(worker->lane_->service(), worker->lane_->acceptors(),
                                  std::move(launch.control),
                                  {.on_drain = [&to = *worker] { to.on_terminate(); },
                                   .on_hang_up = [&to = *worker] { to.on_hang_up(); }});
    if (!opened.ok()) return Error{kExitUsage, "sockherd.control: " + opened.error().what};
    worker->control_ = std::move(opened).value();
  }
  if (members.empty()) return worker;
  Control* control = worker->control_.get();
  worker->crew_ =
      TRY(Crew::create(loop, std::move(members), control == nullptr ? -1 : control->socket()));
  if (control != nullptr) control->share_with(*worker->crew_, std::move(lanes));
  return worker;
}

bool Worker::run() {
  if (crew_ != nullptr) crew_->start();
  tell_manager("READY=1\nSTATUS=serving on " + std::string(name_of(lane_->loop().engine())));
  while (!is_done()) lane_->turn(next_turn_at());
  return is_empty();
}

Instant Worker::next_turn_at() const {
  return is_empty() ? lane_->loop().now() + kLastLook : give_up_at_;
}

// A drain with nothing left.
bool Worker::is_empty() const {
  return lane_->is_empty() && (crew_ == nullptr || crew_->is_empty());
}

bool Worker::is_done() const {
  if (ends_now_ || lane_->loop().now() >= give_up_at_) return true;
  return is_empty() && (control_ == nullptr || !control_->is_busy());
}

void Worker::on_ready(io::Events /*events*/) {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    on_signal(signal.ssi_signo);
  }
}

void Worker::on_signal(uint32_t number) {
  if (number == SIGUSR1) {
    if (access_writer_ != nullptr) access_writer_->reopen();
  } else if (number == SIGINT || std::exchange(is_told_to_end_, true)) {
    ends_now_ = true;
  } else {
    on_terminate();
  }
}

void Worker::on_terminate() {
  tell_manager("STOPPING=1\nSTATUS=draining");
  start_drain();
}

// There is nobody to tell.
void Worker::on_hang_up() {
  log::notice("control-hung-up", {{"next", "drain"}});
  start_drain();
}

void Worker::start_drain() {
  if (control_ != nullptr) control_->catch_up();  // Move was said before SIGTERM
  if (lane_->service().phase == ServicePhase::Draining) return;
  give_up_at_ = lane_->loop().now() + drain_timeout_;
  if (crew_ != nullptr) crew_->post_to_all(Order::Kind::Drain);
  lane_->drain();
}

}  // namespace sockherd::worker
