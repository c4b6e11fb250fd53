// How an Application answers requests: which route, which filters, and what their failures become.
#include <utility>

#include "daemon/module/application.h"
#include "daemon/module/open_socket.h"
#include "daemon/module/request_job.h"

namespace sockherd::module {

// --- Running handlers

// One that somebody keeps is gone with its last owner.
Call& Application::fresh_call() {
  if (spare_ == nullptr) [[unlikely]]
    spare_ = std::make_shared<Call>(*this);
  return *spare_;
}

void Application::end_call() {
  if (spare_.use_count() == 1) [[likely]] {
    spare_->reset();
  } else {
    spare_.reset();
  }
}

void Application::filter(const std::deque<Filter>& filters, Call& call) {
  for (const Filter& each : filters) {
    if (each.fits_all || matches(each.pattern, call.path())) each.handler(call, call);
  }
}

void Application::run_before(Call& call) const {
  for (const Filter& each : before_) {
    if (each.fits_all || matches(each.pattern, call.path())) each.handler(call, call);
    if (call.is_answered() || call.is_kept()) return;
  }
}

template <typename Body>
bool Application::run_guarded(Call& call, std::string& failure, const Body& body) {
  try {
    body();
    return true;
  } catch (const app::HttpError& error) {
    call.fail_now(error.status(), error.text());
  } catch (const std::exception& error) {
    call.break_off();
    failure = std::string("exception: ") + error.what();
  } catch (...) {
    call.break_off();
    failure = "an exception that is no std::exception";
  }
  return false;
}

bool Application::run(Call& call, std::string& failure) const {
  return run_guarded(call, failure, [&] {
    if (!has_filters_) [[likely]]
      return call.matched()->handler(call, call);
    run_before(call);
    if (!call.is_answered() && !call.is_kept()) call.matched()->handler(call, call);
    if (!call.is_kept()) filter(after_, call);
  });
}

void Application::conclude(Call& call, const std::string& failure) {
  if (!failure.empty()) tell(call.matched() == nullptr ? call.path() : call.route(), failure);
  if (!call.has_failed() || errors_.empty()) return;
  const auto found = errors_.find(call.status());
  if (found == errors_.end()) return;
  const int status = call.status();
  const std::string text(call.failure());
  call.clear_content();
  const std::string wrong = failure_of([&] { found->second(call, call); });
  if (!wrong.empty()) {
    tell("error " + std::to_string(status), wrong);
    call.break_off();
  } else if (!call.is_answered() || call.is_kept()) {
    call.fail_now(status, text);
  }
}

void Application::finish_kept(std::shared_ptr<Call> call) {
  const std::string failure = failure_of([&] { filter(after_, *call); });
  if (!failure.empty()) call->break_off();
  conclude(*call, failure);
  schedule([call = std::move(call)] { call->answer_wire(); });
}

void Application::answer_forgotten(const std::shared_ptr<Wire>& wire, const std::string& route) {
  const auto answer = [this, wire, route] {
    if (wire->exchange == nullptr) return;
    tell(route, "the response was kept, and let go of without send()");
    wire->exchange->answer_error(500, "", {});
  };
  if (is_own_thread()) {
    schedule(answer);
  } else {
    inbox_->post(answer);
  }
}

// --- Requests

std::unique_ptr<worker::Job> Application::handle(const worker::Request& request,
                                                 worker::Exchange& exchange) {
  const http::RequestHead& head = request.head;
  std::string_view path = request.path.substr(settings_.prefix.size());
  if (path.empty()) path = "/";
  if (head.method > http::Method::Options) [[unlikely]] {  // TRACE
    exchange.answer_error(405, "", {});
    return nullptr;
  }
  const auto method = static_cast<app::Method>(head.method);
  Call& call = fresh_call();
  const RouteTable::Found found = table_.find(path, method, call.values());
  if (found.endpoint == nullptr || head.upgrade) [[unlikely]] {
    return handle_other(request, path, found, exchange);
  }
  call.begin(found.endpoint->route(method).get(), method, head, path, exchange);
  return dispatch(head, exchange);
}

// The spare call has begun.
std::unique_ptr<worker::Job> Application::dispatch(const http::RequestHead& head,
                                                   worker::Exchange& exchange) {
  Call& call = *spare_;
  if (head.body != http::BodyKind::None || call.method() >= app::Method::Post) {
    if (head.body != http::BodyKind::None && takes_body(call.method())) {
      return await_body(head, exchange);
    }
    // RFC 1945 section 7.2.2: without a length, nobody knows where the body ends.
    const bool wants_body = call.method() == app::Method::Post ||
                            call.method() == app::Method::Put ||
                            call.method() == app::Method::Patch;
    if (head.minor_version == 0 && wants_body) return answer_failed(411, "", exchange);
  }
  if (call.matched()->options.blocking) [[unlikely]] {
    auto job = std::make_unique<RequestJob>(*this, exchange);
    if (!job->begin_blocking(std::move(spare_))) return nullptr;
    return job;
  }
  std::string failure;
  if (!run(call, failure) || call.has_failed()) [[unlikely]]
    conclude(call, failure);
  if (call.is_kept()) [[unlikely]] {
    auto job = std::make_unique<RequestJob>(*this, exchange);
    job->await_send(call);
    spare_.reset();
    return job;
  }
  call.answer(exchange);
  end_call();
  return nullptr;
}

// What has no route of its method, and what asks for a WebSocket.
std::unique_ptr<worker::Job> Application::handle_other(const worker::Request& request,
                                                       std::string_view path,
                                                       RouteTable::Found found,
                                                       worker::Exchange& exchange) {
  const http::RequestHead& head = request.head;
  auto method = static_cast<app::Method>(head.method);
  Call& call = *spare_;
  if (head.upgrade || found.endpoint == nullptr) {
    const Endpoint* endpoint = table_.find_web_socket(path, call.values());
    const bool is_only = !found.has_path || found.methods == 0;
    if (endpoint != nullptr && (head.upgrade || (is_only && found.endpoint == nullptr))) {
      return open_web_socket(*endpoint->web_socket, head, path, exchange);
    }
    found = table_.find(path, method, call.values());
  }
  if (found.endpoint == nullptr && method == app::Method::Head) {
    found = table_.find(path, app::Method::Get, call.values());
    method = app::Method::Get;
  }
  const Route* route = found.endpoint == nullptr ? nullptr : found.endpoint->route(method).get();
  call.begin(route, static_cast<app::Method>(head.method), head, path, exchange);
  return route == nullptr ? answer_unrouted(found, exchange) : dispatch(head, exchange);
}

// Filters may refuse it, as they may any request.
std::unique_ptr<worker::Job> Application::open_web_socket(SocketRoute& route,
                                                          const http::RequestHead& head,
                                                          std::string_view path,
                                                          worker::Exchange& exchange) {
  Call& call = *spare_;
  call.begin(&route.as_route(), static_cast<app::Method>(head.method), head, path, exchange);
  std::string failure;
  const bool passed = run_guarded(call, failure, [&] { run_before(call); });
  if (!passed || call.has_failed()) conclude(call, failure);
  if (call.is_answered()) {
    call.answer(exchange);
  } else {
    route.accept(head, call.values(), exchange);
  }
  end_call();
  return nullptr;
}

bool Application::takes_body(app::Method method) {
  return method != app::Method::Get && method != app::Method::Head &&
         method != app::Method::Options;
}

std::unique_ptr<worker::Job> Application::await_body(const http::RequestHead& head,
                                                     worker::Exchange& exchange) {
  Call& call = *spare_;
  const bool is_long =
      head.body == http::BodyKind::Length && head.content_length > call.matched()->options.max_body;
  if (is_long && !http::is_multipart_form(call.header("content-type").value_or(""))) {
    return answer_failed(413, "the body is longer than this route takes", exchange);
  }
  call.own();
  auto job = std::make_unique<RequestJob>(*this, exchange);
  if (!job->await_body(std::move(spare_))) return nullptr;
  return job;
}

std::unique_ptr<worker::Job> Application::answer_failed(int status, std::string_view text,
                                                        worker::Exchange& exchange) {
  Call& call = *spare_;
  call.fail_now(status, text);
  conclude(call, "");
  call.answer(exchange);
  end_call();
  return nullptr;
}

std::unique_ptr<worker::Job> Application::answer_unrouted(const RouteTable::Found& found,
                                                          worker::Exchange& exchange) {
  Call& call = *spare_;
  if (!found.has_path) return answer_failed(404, "", exchange);
  call.header("Allow", allow_of(found.methods));
  if (call.method() != app::Method::Options) return answer_failed(405, "", exchange);
  call.status(204);
  call.answer(exchange);
  end_call();
  return nullptr;
}

}  // namespace sockherd::module
