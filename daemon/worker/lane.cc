#include "daemon/worker/lane.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/sys/affinity.h"
#include "daemon/worker/buses.h"
#include "daemon/worker/connection.h"
#include "daemon/worker/engine.h"

namespace sockherd::worker {
namespace {

constexpr int kExitFailure = 1;

// One that cannot be pinned serves all the same.
void pin(const Lane::Setup& setup) {
  if (!setup.cpu) return;
  const Result<void> pinned = sys::pin_to(*setup.cpu);
  if (pinned.ok() || setup.identity.thread != 0) return;
  const bool is_filtered = pinned.error().code == EPERM;
  log::warn("not-pinned",
            {{"slot", setup.identity.slot},
             {"cpu", *setup.cpu},
             {"error", pinned.error().what},
             {"remedy", is_filtered ? "SystemCallFilter=@resources in the unit: pin.conf"
                                    : "AllowedCPUs= of the unit"}});
}

Result<std::unique_ptr<io::Loop>> open_loop(const Lane::Setup& setup) {
  Result<LoopChoice> choice = choose_loop(setup.pool->engine);
  if (!choice.ok()) return Error{kExitFailure, choice.error().what};
  if (!choice->refusal.empty() && setup.identity.thread == 0) {
    log::warn("io-uring-refused", {{"slot", setup.identity.slot},
                                   {"error", choice->refusal},
                                   {"remedy", choice->remedy},
                                   {"used", name_of(choice->loop->engine())}});
  }
  return std::move(choice->loop);
}

}  // namespace

Lane::Lane(const Setup& setup, Launch::Part& part, std::unique_ptr<io::Loop> loop, Router router)
    : statistics_(std::move(part.statistics)),
      heartbeat_(Duration(setup.pool->hang_timeout) / 4),
      loop_(std::move(loop)),
      hub_(statistics_.counters()),
      router_(std::move(router)),
      service_(*loop_, router_, statistics_.counters(), setup.limits),
      acceptors_(service_) {
  service_.loads = std::move(part.loads);
  service_.hub = &hub_;
  service_.upstreams = &upstreams_;
  if (setup.access_log == nullptr) return;
  access_log_ = std::make_unique<AccessLog>(*setup.access_log, setup.identity.thread, *loop_,
                                            statistics_.counters());
  service_.access_log = access_log_.get();
}

Result<std::unique_ptr<Lane>> Lane::create(const Setup& setup, Launch::Part part) {
  pin(setup);  // first, so that what it touches is near its CPU
  Router router = TRY(make_router(*setup.pool, setup.identity, *setup.modules));
  auto loop = TRY(open_loop(setup));
  std::unique_ptr<Lane> lane(new Lane(setup, part, std::move(loop), std::move(router)));
  TRY(join_buses(*setup.pool, setup.identity, std::move(part.bus), *lane->loop_, lane->hub_,
                 lane->statistics_.counters()));
  if (setup.cpu || sys::allowed_cpus().size() > 1) {  // else it would keep the client from sending
    lane->loop_->look_before_sleep(std::chrono::microseconds(setup.pool->spin));
  }
  for (auto& [key, share] : part.upstreams) {
    auto made = Upstreams::create(*lane->loop_, lane->statistics_.counters(), std::move(share),
                                  static_cast<uint32_t>(setup.identity.pid), setup.identity.thread);
    if (!made.ok()) return Error{kExitUsage, "sockherd.upstream." + key + ": " + made.error().what};
    lane->upstreams_.emplace(key, std::move(made).value());
  }
  TRY(lane->router_.start(lane->service_));
  for (Launch::Listener& listener : part.listeners) {
    const std::string name = listener.place.listener;
    const auto added = lane->acceptors_.add(std::move(listener.place), std::move(listener.fd));
    if (!added.ok()) return Error{kExitUsage, "listener " + name + ": " + added.error().what};
  }
  return lane;
}

void Lane::turn(Instant at_the_latest) {
  acceptors_.publish_loads();
  const bool has_beat = heartbeat_ > Duration::zero();
  loop_->turn(has_beat ? std::min(at_the_latest, loop_->now() + heartbeat_) : at_the_latest);
  hub_.end_turn();
  if (access_log_ != nullptr) access_log_->end_turn();
  service_.counters.add(stats::Count::LoopIterations);
}

void Lane::drain() {
  if (service_.phase == ServicePhase::Draining) return;
  service_.phase =
      ServicePhase::Draining;  // before accepting: what comes now is answered and closed
  router_.drain();
  acceptors_.finish();
  service_.connections.drain_all();
}

}  // namespace sockherd::worker
