#include "daemon/module/application.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/module/blocking_request.h"
#include "daemon/module/host_timer.h"
#include "daemon/module/stream.h"
#include "daemon/worker/launch.h"

namespace sockherd::module {
namespace {

using stats::Count;

log::Level level_of(app::Level level) {
  switch (level) {
    case app::Level::Debug:
      return log::Level::Debug;
    case app::Level::Info:
      return log::Level::Info;
    case app::Level::Notice:
      return log::Level::Notice;
    case app::Level::Warning:
      return log::Level::Warning;
    case app::Level::Error:
      break;
  }
  return log::Level::Error;
}

}  // namespace

Application::Application(Settings settings)
    : settings_(std::move(settings)), thread_(std::this_thread::get_id()) {}

Application::~Application() {
  if (inbox_ != nullptr) inbox_->end();
  for (const auto& timer : timers_) timer->cancel_now();
}

Result<void> Application::start(worker::Service& service) {
  const auto failure = [this](const std::string& what) {
    return Error{worker::kExitConfiguration, "module " + settings_.name + ": " + what};
  };
  service_ = &service;
  auto inbox = Inbox::create();
  if (!inbox.ok()) return failure(inbox.error().what);
  inbox_ = std::move(inbox).value();
  auto watch = service.loop.watch(inbox_->fd(), io::event::kReadable, *this);
  if (!watch.ok()) return failure(watch.error().what);
  watch_ = std::move(watch).value();
  const std::string wrong = failure_of([this] { settings_.setup(*this); });
  if (!wrong.empty()) return failure("its setup ended with an " + wrong);
  is_set_up_ = true;
  return {};
}

void Application::drain() {
  for (const auto& weak : ending_) {
    const std::shared_ptr<OpenStream> stream = weak.lock();
    if (stream != nullptr) stream->end();
  }
  ending_.clear();
  for (const app::Call& call : drain_calls_) guard("on_drain", call);
}

// --- Calls from the loop

void Application::schedule(std::function<void()> call) {
  scheduled_.push_back(std::move(call));
  if (scheduled_.size() == 1) watch_.call_again(io::event::kReadable);
}

void Application::on_ready(io::Events /*events*/) {
  for (const auto& call : std::exchange(scheduled_, {})) guard("callback", call);
  for (const auto& call : inbox_->take()) guard("callback", call);
}

void Application::tell(std::string_view where, std::string_view what) {
  service_->counters.add(Count::HandlerFailures);
  failures_.tell(service_->loop.now(), settings_.name, where, what);
}

std::shared_ptr<app::Timer> Application::start_timer(std::chrono::milliseconds delay,
                                                     std::chrono::milliseconds interval,
                                                     app::Call call) {
  auto timer = std::make_shared<HostTimer>(
      service_->loop, interval, [this, call = std::move(call)] { guard("timer", call); },
      [this](const std::shared_ptr<HostTimer>& over) { timers_.erase(over); });
  timers_.insert(timer);
  timer->start(delay);
  return timer;
}

// --- app::App, but for set-up (application_setup.cc) and rooms (application_rooms.cc)

std::shared_ptr<app::Timer> Application::every(std::chrono::milliseconds interval, app::Call call) {
  const auto least = std::max(interval, std::chrono::milliseconds(1));
  return start_timer(least, least, std::move(call));
}

std::shared_ptr<app::Timer> Application::after(std::chrono::milliseconds delay, app::Call call) {
  return start_timer(delay, std::chrono::milliseconds(0), std::move(call));
}

void Application::post(app::Call call) {
  inbox_->post(std::move(call));
}

bool Application::blocking(app::Call work, app::Call done) {
  if (!work) throw std::invalid_argument("blocking() without work");
  auto task = std::make_shared<BlockingWork>(*this, std::move(work), std::move(done));
  count_shared(*service_, Count::BlockingQueued);
  if (settings_.pool->submit(std::move(task)) == BlockingPool::Submitted::Full) {
    count_shared(*service_, Count::BlockingCancelled);
    service_->counters.add(Count::BlockingFull);
    return false;
  }
  ++service_->background;
  return true;
}

void Application::on_drain(app::Call call) {
  drain_calls_.push_back(std::move(call));
}

app::Worker Application::worker() const {
  const worker::Identity& identity = settings_.identity;
  return {.pool = identity.pool,
          .slot = identity.slot,
          .generation = identity.generation,
          .pid = identity.pid,
          .thread = identity.thread,
          .threads = identity.threads};
}

void Application::log(app::Level level, std::string_view text) {
  log::write(level_of(level), "app", {{"module", settings_.name}, {"text", text}});
}

}  // namespace sockherd::module
