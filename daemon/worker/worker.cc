#include "daemon/worker/worker.h"

#include <sys/resource.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/sys/notify.h"
#include "daemon/worker/connection.h"
#include "daemon/worker/demo.h"
#include "daemon/worker/directory.h"
#include "daemon/worker/files.h"

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

Result<Router> make_router(const config::Pool& pool, const Identity& identity) {
  Router router;
  for (const config::Route& route : pool.routes) {
    if (route.module == "demo") {
      router.add(route.path, std::make_unique<Demo>(route.path, identity));
      continue;
    }
    Result<Directory> directory = Directory::open(route.files);
    if (!directory.ok()) {
      return Error{kExitConfiguration, "route " + route.path + ": " + directory.error().what};
    }
    router.add(route.path,
               std::make_unique<Files>(route.path, std::move(directory).value(), route.index));
  }
  return router;
}

void tell_manager(const std::string& state) {
  const Result<void> told = sys::notify(state);
  if (!told.ok()) log::warn("notify-failed", {{"error", told.error().what}});
}

}  // namespace

Worker::Worker(Launch launch, std::unique_ptr<Loop> loop, Router router, UniqueFd signals,
               const Limits& limits)
    : statistics_(std::move(launch.statistics)),
      drain_timeout_(launch.pool.drain_timeout),
      heartbeat_(Duration(launch.pool.hang_timeout) / 4),
      loop_(std::move(loop)),
      router_(std::move(router)),
      signals_(std::move(signals)),
      service_(*loop_, router_, statistics_.counters(), limits),
      acceptors_(service_) {}

Worker::~Worker() = default;

Result<std::unique_ptr<Worker>> Worker::create(Launch launch) {
  Router router = TRY(make_router(launch.pool, launch.identity));
  Result<UniqueFd> signals = open_signals();
  if (!signals.ok()) return Error{kExitFailure, signals.error().what};
  Result<std::unique_ptr<Loop>> loop = Loop::create();
  if (!loop.ok()) return Error{kExitFailure, loop.error().what};
  const Limits limits = Limits::create(launch.pool.limits, raise_descriptor_limit());
  std::vector<sys::PassedFd> listeners = std::move(launch.listeners);
  UniqueFd control = std::move(launch.control);
  std::map<std::string, sys::LoadTable> loads = std::move(launch.loads);
  const uint32_t slot = launch.identity.slot;
  std::unique_ptr<Worker> worker(new Worker(std::move(launch), std::move(loop).value(),
                                            std::move(router), std::move(signals).value(), limits));
  Result<Watch> watch = worker->loop_->watch(worker->signals_.get(), event::kReadable, *worker);
  if (!watch.ok()) return Error{kExitFailure, watch.error().what};
  worker->signal_watch_ = std::move(watch).value();
  worker->service_.loads = std::move(loads);
  for (sys::PassedFd& listener : listeners) {
    const auto added = worker->acceptors_.add({listener.name, slot}, std::move(listener.fd));
    if (!added.ok()) {
      return Error{kExitUsage, "listener " + listener.name + ": " + added.error().what};
    }
  }
  if (control) {
    auto opened = Control::create(worker->service_, worker->acceptors_, std::move(control),
                                  [&to = *worker] { to.on_hang_up(); });
    if (!opened.ok()) return Error{kExitUsage, "sockherd.control: " + opened.error().what};
    worker->control_ = std::move(opened).value();
  }
  return worker;
}

void Worker::run() {
  tell_manager("READY=1\nSTATUS=serving");
  while (!is_done()) {
    acceptors_.publish_loads();
    loop_->turn(next_turn_at());
    service_.counters.add(stats::Count::LoopIterations);
  }
}

Instant Worker::next_turn_at() const {
  const bool is_over = service_.phase == ServicePhase::Draining && service_.connections.size() == 0;
  if (is_over) return loop_->now() + kLastLook;
  if (heartbeat_ == Duration::zero()) return give_up_at_;
  return std::min(give_up_at_, loop_->now() + heartbeat_);
}

bool Worker::is_done() const {
  if (ends_now_) return true;
  if (service_.phase == ServicePhase::Serving) return false;
  if (loop_->now() >= give_up_at_) return true;
  return service_.connections.size() == 0 && (control_ == nullptr || !control_->is_busy());
}

void Worker::on_ready(Events /*events*/) {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGINT || std::exchange(is_told_to_end_, true)) {
      ends_now_ = true;
    } else {
      on_terminate();
    }
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
  if (service_.phase == ServicePhase::Draining) return;
  service_.phase =
      ServicePhase::Draining;  // before accepting: what comes now is answered and closed
  give_up_at_ = loop_->now() + drain_timeout_;
  acceptors_.finish();
  Connection::drain_all(service_);
}

}  // namespace sockherd::worker
