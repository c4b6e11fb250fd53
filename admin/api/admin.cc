#include "admin/api/admin.h"

#include <sys/signalfd.h>

#include <csignal>
#include <utility>

#include "admin/api/peer.h"
#include "daemon/base/log.h"
#include "daemon/bus/interface.h"

namespace sockherd::api {
namespace {

constexpr char kListenerName[] = "sockherd.admin";
constexpr char kConfigName[] = "sockherd.config";
constexpr int kExitSupervisorLost = 1;

}  // namespace

Result<Handover> sort_handover(std::vector<sys::PassedFd> passed) {
  Handover handover;
  for (sys::PassedFd& entry : passed) {
    if (entry.name == kListenerName) {
      handover.listeners.push_back(std::move(entry.fd));
    } else if (entry.name == bus::kControlFdName) {
      handover.control = std::move(entry.fd);
    } else if (entry.name == kConfigName) {
      handover.config = std::move(entry.fd);
    } else {
      log::warn("admin-unknown-descriptor", {{"name", entry.name}});
    }
  }
  if (!handover.control) return Error{0, std::string("no ") + bus::kControlFdName + " was passed"};
  if (!handover.config) return Error{0, std::string("no ") + kConfigName + " was passed"};
  if (handover.listeners.empty())
    return Error{0, std::string("no ") + kListenerName + " was passed"};
  return handover;
}

Result<std::unique_ptr<Admin>> Admin::create(sd_event* loop, Handover handover,
                                             const std::vector<std::string>& hosts,
                                             const Limits& limits) {
  std::unique_ptr<Admin> admin(new Admin(loop, limits));
  Admin* self = admin.get();
  self->client_ = TRY(bus::Client::adopt(std::move(handover.control)));
  const auto attached = self->client_->attach(loop);
  if (!attached.ok()) return attached.error();

  std::vector<std::string> addresses;
  for (const UniqueFd& listener : handover.listeners)
    if (auto address = tcp_address_of(listener.get())) addresses.push_back(*std::move(address));
  self->api_ = std::make_unique<Api>(*self->client_, AccessRules(addresses, hosts),
                                     [self] { return self->server_counts(); });
  self->server_ = TRY(Server::create(
      loop, std::move(handover.listeners), limits,
      {.screen = [self](const Request& request) { return self->api_->screen(request); },
       .handle = [self](const Request& request,
                        Respond respond) { self->api_->handle(request, std::move(respond)); }}));
  const auto signals = self->watch_signals();
  if (!signals.ok()) return signals.error();
  const auto supervisor = self->watch_supervisor();
  if (!supervisor.ok()) return supervisor.error();
  return admin;
}

metrics::AdminCounts Admin::server_counts() const {
  metrics::AdminCounts counts;
  counts.responses = server_->responses();
  counts.connections = server_->connections();
  counts.connections_refused = server_->connections_refused();
  return counts;
}

// The signals must be blocked already: main does that before anything else.
Result<void> Admin::watch_signals() {
  for (const int number : {SIGTERM, SIGINT}) {
    sd_event_source* source = nullptr;
    const int added = sd_event_add_signal(loop_, &source, number, on_signal, this);
    if (added < 0) return errno_error("sd_event_add_signal", -added);
    watches_.emplace_back(source);
  }
  stop_timer_ = TRY(watch_time(loop_, on_stop_deadline, this));
  return {};
}

// sd-bus tells nobody that a connection is lost, unless there is a call to fail. So we look after
// every turn of the loop, and the hang-up itself makes one.
Result<void> Admin::watch_supervisor() {
  sd_event_source* source = nullptr;
  const int added = sd_event_add_post(loop_, &source, on_turn, this);
  if (added < 0) return errno_error("sd_event_add_post", -added);
  watches_.emplace_back(source);
  return {};
}

int Admin::on_turn(sd_event_source*, void* data) {
  auto* self = static_cast<Admin*>(data);
  if (self->client_->is_connected() || self->stopping_) return 0;
  log::error("admin-supervisor-lost");
  return sd_event_exit(self->loop_, kExitSupervisorLost);
}

int Admin::on_signal(sd_event_source*, const signalfd_siginfo*, void* self) {
  static_cast<Admin*>(self)->stop();
  return 0;
}

int Admin::on_stop_deadline(sd_event_source*, uint64_t, void* data) {
  auto* self = static_cast<Admin*>(data);
  log::warn("admin-stop-cut-short", {{"connections", self->server_->connections()}});
  return sd_event_exit(self->loop_, 0);
}

// The supervisor may let go of us at once after SIGTERM: that is no loss.
void Admin::stop() {
  stopping_ = true;
  const std::chrono::microseconds wait = limits_.stop_timeout;
  sd_event_source_set_time_relative(stop_timer_.get(), static_cast<uint64_t>(wait.count()));
  sd_event_source_set_enabled(stop_timer_.get(), SD_EVENT_ONESHOT);
  server_->drain([this] { sd_event_exit(loop_, 0); });
}

}  // namespace sockherd::api
