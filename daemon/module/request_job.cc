#include "daemon/module/request_job.h"

#include <algorithm>
#include <utility>

#include "daemon/module/application.h"

namespace sockherd::module {

using stats::Count;

RequestJob::RequestJob(Application& application, worker::Exchange& exchange)
    : application_(application),
      exchange_(exchange),
      wire_(std::make_shared<Wire>(Wire{&exchange})) {}

// The request is over: nobody may answer it any more.
RequestJob::~RequestJob() {
  wire_->exchange = nullptr;
  if (task_ == nullptr || !application_.settings().pool->take_back(*task_)) return;
  --application_.service().background;
  count_shared(application_.service(), Count::BlockingCancelled);
}

void RequestJob::refuse(int status, std::string_view text) {
  const std::shared_ptr<Call> call = std::move(call_);
  call->fail(status, text);
  application_.conclude(*call, "");
  call->answer(exchange_);
}

bool RequestJob::await_body(std::shared_ptr<Call> call) {
  call_ = std::move(call);
  const std::string_view type = call_->header("content-type").value_or("");
  if (!http::is_multipart_form(type)) return true;
  const auto boundary = http::multipart_boundary(type);
  if (!boundary) {
    refuse(400, "the boundary of the form is missing or malformed");
    return false;
  }
  form_ = std::make_unique<MultipartForm>(*boundary);
  return true;
}

// That of a GET is dropped.
void RequestJob::on_body(std::string_view piece) {
  if (call_ == nullptr) return;
  if (form_ != nullptr) {
    const int status = form_->feed(piece);
    if (status != 0) refuse(status, form_->text());
    return;
  }
  if (body_.size() + piece.size() > call_->matched()->options.max_body) {
    return refuse(413, "the body is longer than this route takes");
  }
  body_ += piece;
}

void RequestJob::on_body_end() {
  if (call_ == nullptr) return;
  if (form_ != nullptr) {
    const int status = form_->finish();
    if (status != 0) return refuse(status, form_->text());
    call_->set_form(std::move(form_));
  }
  call_->set_body(std::move(body_));
  std::shared_ptr<Call> call = std::move(call_);
  if (call->matched()->options.blocking) {
    begin_blocking(std::move(call));
    return;
  }
  std::string failure;
  application_.run(*call, failure);
  application_.conclude(*call, failure);
  if (call->is_kept()) return await_send(*call);
  call->answer(exchange_);
}

bool RequestJob::begin_blocking(std::shared_ptr<Call> call) {
  worker::Service& service = application_.service();
  call->own();
  call->set_blocking();
  task_ = std::make_shared<BlockingRequest>(application_, std::move(call), wire_);
  count_shared(service, Count::BlockingQueued);  // before it can start
  if (application_.settings().pool->submit(task_) == BlockingPool::Submitted::Full) {
    count_shared(service, Count::BlockingCancelled);
    service.counters.add(Count::BlockingFull);
    call_ = std::exchange(task_, nullptr)->take_call();
    call_->header("Retry-After", "1");
    refuse(503, "too many requests are waiting");
    return false;
  }
  ++service.background;
  queued_at_ = service.loop.now();
  const Application::Settings& settings = application_.settings();
  service.loop.timers().arm(
      *this, queued_at_ + std::min(settings.queue_timeout, settings.request_timeout));
  return true;
}

// Looks where it stands: it may have begun meanwhile.
void RequestJob::on_due(Instant now) {
  worker::Service& service = application_.service();
  const Application::Settings& settings = application_.settings();
  const std::optional<Instant> began = task_->began_at();
  if (began) {
    const Instant due = *began + settings.request_timeout;
    if (now < due) return service.loop.timers().arm(*this, due);
    service.counters.add(Count::BlockingTimeouts);
    return exchange_.answer_error(504, "the handler took too long", {});
  }
  const Instant due = queued_at_ + settings.queue_timeout;
  if (now < due) return service.loop.timers().arm(*this, due);
  if (!settings.pool->take_back(*task_)) {  // it begins in this moment
    return service.loop.timers().arm(*this, now + settings.request_timeout);
  }
  --service.background;
  count_shared(service, Count::BlockingCancelled);
  service.counters.add(Count::BlockingQueueTimeouts);
  call_ = std::exchange(task_, nullptr)->take_call();
  call_->header("Retry-After", "1");
  refuse(503, "no handler was free in time");
}

}  // namespace sockherd::module
