#include "daemon/module/blocking_request.h"

#include <exception>
#include <utility>

#include "daemon/base/clock.h"
#include "daemon/module/application.h"

namespace sockherd::module {

using stats::Count;

void count_shared(worker::Service& service, Count what) {
  service.counters.counts[static_cast<size_t>(what)].fetch_add(1, std::memory_order_relaxed);
}

BlockingRequest::BlockingRequest(Application& application, std::shared_ptr<Call> call,
                                 std::shared_ptr<Wire> wire)
    : application_(application),
      inbox_(application.inbox()),
      call_(std::move(call)),
      wire_(std::move(wire)) {}

std::optional<Instant> BlockingRequest::began_at() const {
  const int64_t at = began_at_.load(std::memory_order_acquire);
  if (at == 0) return std::nullopt;
  return Instant{Duration(at)};
}

void BlockingRequest::run() {
  count_shared(application_.service(), Count::BlockingStarted);
  began_at_.store(monotonic_now().since_boot.count(), std::memory_order_release);
  application_.run(*call_, failure_);
  count_shared(application_.service(), Count::BlockingEnded);
  inbox_->post([self = shared_from_this()] { self->finish(); });
}

void BlockingRequest::finish() {
  --application_.service().background;
  application_.conclude(*call_, failure_);
  if (wire_->exchange == nullptr) {
    application_.service().counters.add(Count::BlockingLate);
    return;
  }
  call_->answer(*wire_->exchange);
}

BlockingWork::BlockingWork(Application& application, app::Call work, app::Call done)
    : application_(application),
      inbox_(application.inbox()),
      work_(std::move(work)),
      done_(std::move(done)) {}

void BlockingWork::run() {
  count_shared(application_.service(), Count::BlockingStarted);
  try {
    work_();
  } catch (const std::exception& error) {
    failure_ = std::string("exception: ") + error.what();
  } catch (...) {
    failure_ = "an exception that is no std::exception";
  }
  count_shared(application_.service(), Count::BlockingEnded);
  inbox_->post([self = shared_from_this()] { self->finish(); });
}

void BlockingWork::finish() {
  --application_.service().background;
  if (!failure_.empty()) application_.tell("blocking", failure_);
  if (done_) application_.guard("blocking", done_);
}

}  // namespace sockherd::module
