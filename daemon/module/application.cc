#include "daemon/module/application.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/module/host_timer.h"
#include "daemon/module/open_socket.h"
#include "daemon/module/request_job.h"
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

// --- app::App

void Application::only_in_setup() const {
  if (is_set_up_) throw std::logic_error("routes are added in the body of SOCKHERD_APP only");
}

void Application::route(app::Method method, std::string_view pattern, app::Handler handler,
                        app::RouteOptions options) {
  only_in_setup();
  if (!handler) throw std::invalid_argument("a route without a handler");
  const Pattern parsed = parse_pattern(pattern);
  Endpoint& endpoint = *table_.add(pattern).value();
  auto& route = endpoint.routes[static_cast<size_t>(method)];
  if (route != nullptr) {
    throw std::invalid_argument("the route " + std::string(pattern) + " is there already, as " +
                                route->pattern);
  }
  route = std::make_shared<Route>(
      Route{std::move(handler), options, std::string(pattern), parsed.names()});
}

Pattern Application::parse_pattern(std::string_view text) {
  Result<Pattern> pattern = Pattern::parse(text);
  if (!pattern.ok()) throw std::invalid_argument(pattern.error().what);
  return std::move(pattern).value();
}

void Application::websocket(std::string_view pattern, app::WebSocketHandlers handlers) {
  only_in_setup();
  const Pattern parsed = parse_pattern(pattern);
  Endpoint& endpoint = *table_.add(pattern).value();
  if (endpoint.web_socket != nullptr) {
    throw std::invalid_argument("the WebSocket " + std::string(pattern) + " is there already");
  }
  endpoint.web_socket = std::make_shared<SocketRoute>(*this, std::move(handlers), parsed);
}

void Application::add_filter(std::deque<Filter>& filters, std::string_view pattern,
                             app::Handler handler) {
  only_in_setup();
  if (!handler) throw std::invalid_argument("a filter without a handler");
  Pattern parsed = parse_pattern(pattern);
  const bool fits_all =
      parsed.segments.size() == 1 && parsed.segments[0].kind == Segment::Kind::Rest;
  filters.push_back({std::move(parsed), std::move(handler), fits_all});
  has_filters_ = true;
}

void Application::before(std::string_view pattern, app::Handler filter) {
  add_filter(before_, pattern, std::move(filter));
}

void Application::after(std::string_view pattern, app::Handler filter) {
  add_filter(after_, pattern, std::move(filter));
}

void Application::error(int status, app::Handler handler) {
  only_in_setup();
  if (status < 400 || status > 599) {
    throw std::invalid_argument(std::to_string(status) + " is the status of no error");
  }
  errors_[status] = std::move(handler);
}

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
