// A Call as a response: what handlers say, and how it gets to the engine.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "daemon/http/characters.h"
#include "daemon/http/media_type.h"
#include "daemon/http/status.h"
#include "daemon/module/application.h"
#include "daemon/module/call.h"
#include "daemon/module/event_stream.h"
#include "daemon/module/stream.h"

namespace sockherd::module {
namespace {

// What belongs to the connection, or that the worker writes itself.
bool is_ours(std::string_view name) {
  constexpr std::array kOurs = {std::string_view("connection"),
                                std::string_view("content-length"),
                                std::string_view("date"),
                                std::string_view("keep-alive"),
                                std::string_view("server"),
                                std::string_view("trailer"),
                                std::string_view("transfer-encoding"),
                                std::string_view("upgrade"),
                                std::string_view("content-type")};
  return std::any_of(kOurs.begin(), kOurs.end(), [name](std::string_view each) {
    return http::equals_ignore_case(each, name);
  });
}

bool is_value(std::string_view text) {
  return text.empty() || http::is_all(http::kFieldByte, text);
}

void check_field(std::string_view name, std::string_view value) {
  if (!http::is_all(http::kTokenByte, name)) {
    throw std::invalid_argument("a header whose name is no token");
  }
  if (is_ours(name)) {
    throw std::invalid_argument("the header " + std::string(name) + " is the worker's own");
  }
  if (!is_value(value)) {
    throw std::invalid_argument("the header " + std::string(name) +
                                " has a value that would break out of its line");
  }
}

http::SameSite same_site_of(app::SameSite same_site) {
  switch (same_site) {
    case app::SameSite::Lax:
      return http::SameSite::Lax;
    case app::SameSite::Strict:
      return http::SameSite::Strict;
    case app::SameSite::None:
      break;
  }
  return http::SameSite::None;
}

}  // namespace

void Call::must_be_open() const {
  if (is_sent_) throw std::logic_error("the response is sent already");
}

app::Response& Call::status(int status) {
  if (status < 200 || http::status_line(status).empty()) {
    throw std::invalid_argument("there is no status " + std::to_string(status));
  }
  must_be_open();
  is_dirty_ = true;
  status_ = status;
  return *this;
}

app::Response& Call::header(std::string_view name, std::string_view value) {
  check_field(name, value);
  std::erase_if(fields_,
                [name](const OwnField& each) { return http::equals_ignore_case(each.name, name); });
  return add_header(name, value);
}

app::Response& Call::add_header(std::string_view name, std::string_view value) {
  check_field(name, value);
  must_be_open();
  is_dirty_ = true;
  fields_.push_back({std::string(name), std::string(value)});
  return *this;
}

app::Response& Call::cookie(const app::Cookie& cookie) {
  http::SetCookie set{.name = cookie.name,
                      .value = cookie.value,
                      .path = cookie.path,
                      .domain = cookie.domain,
                      .max_age = std::nullopt,
                      .secure = cookie.secure,
                      .http_only = cookie.http_only,
                      .same_site = same_site_of(cookie.same_site)};
  if (cookie.max_age) set.max_age = cookie.max_age->count();
  const std::string_view fault = http::fault_of(set);
  if (!fault.empty()) {
    throw std::invalid_argument("the cookie " + cookie.name + ": " + std::string(fault));
  }
  return add_header("Set-Cookie", http::write_set_cookie(set));
}

void Call::set_content(Content content, std::string_view type) {
  must_be_open();
  if (content_ != Content::None) clear_content();
  is_dirty_ = true;
  content_ = content;
  type_ = type;
  shown_type_ = type_;  // the engine refuses one that would break out of its line
}

app::Response& Call::content(std::string_view type, std::string bytes) {
  set_content(Content::Text, type);
  body_ = std::move(bytes);
  return *this;
}

app::Response& Call::constant(std::string_view type, std::string_view bytes) {
  must_be_open();
  if (content_ != Content::None) clear_content();
  content_ = Content::Constant;
  shown_type_ = type;
  constant_ = bytes;
  return *this;
}

app::Response& Call::file(const std::string& path, std::string_view type) {
  auto file = std::make_shared<worker::OpenFile>();
  file->fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const bool is_there =
      file->fd && ::fstat(file->fd.get(), &file->status) == 0 && S_ISREG(file->status.st_mode);
  if (!is_there) {
    fail(404, "");
    return *this;
  }
  set_content(Content::File, type.empty() ? http::media_type(path) : type);
  const uint64_t size = file->size();
  file_ = {.file = std::move(file), .offset = 0, .length = size};
  return *this;
}

app::Response& Call::redirect(std::string_view location, int status) {
  header("Location", location);
  this->status(status);
  return constant("", "");
}

std::shared_ptr<app::Stream> Call::stream(std::string_view type) {
  if (is_blocking_) throw std::logic_error("a blocking handler cannot stream");
  set_content(Content::Source, type);
  auto stream = std::make_shared<OpenStream>(application_);
  source_ = std::make_unique<StreamSource>(stream);
  return stream;
}

std::shared_ptr<app::EventStream> Call::events(std::chrono::milliseconds heartbeat) {
  const std::string_view last = header("last-event-id").value_or("");
  header("Cache-Control", "no-store");
  header("X-Accel-Buffering", "no");  // proxies that collect answers would collect for ever
  if (is_blocking_) throw std::logic_error("a blocking handler cannot stream");
  set_content(Content::Source, "text/event-stream");
  auto stream = std::make_shared<OpenStream>(application_);
  source_ = std::make_unique<StreamSource>(stream);
  return OpenEventStream::create(application_, std::move(stream), std::string(last), heartbeat);
}

void Call::fail(int status, std::string_view text) {
  must_be_open();
  const bool is_error = status >= 400 && !http::status_line(status).empty();
  status_ = is_error ? status : 500;
  set_content(Content::Failed, "");
  constexpr size_t kMostText = 1024;
  body_ = text.substr(0, kMostText);
  for (char& c : body_) {
    if (!http::is_in(http::kFieldByte, c)) c = ' ';
  }
}

void Call::fail_now(int status, std::string_view text) {
  is_kept_ = false;
  is_sent_ = false;
  fail(status, text);
}

void Call::break_off() {
  fields_.clear();
  fail_now(500, "");
}

app::Response& Call::close() {
  closes_ = is_dirty_ = true;
  return *this;
}

std::shared_ptr<app::Response> Call::keep() {
  if (is_blocking_) throw std::logic_error("a blocking handler cannot keep its response");
  must_be_open();
  is_kept_ = true;
  own();
  return {shared_from_this(), static_cast<app::Response*>(this)};
}

// Within the handler that kept it, it is as if it had not been.
void Call::send() {
  must_be_open();
  if (!is_kept_) throw std::logic_error("only a kept response is sent by its handler");
  if (wire_ == nullptr) {
    is_sent_ = true;
    return;
  }
  application_.finish_kept(shared_from_this());
  is_sent_ = true;
}

bool Call::is_open() const {
  return wire_ == nullptr || wire_->exchange != nullptr;
}

// --- What goes to the engine

worker::Content Call::take_content() {
  switch (content_) {
    case Content::Text:
      return std::move(body_);
    case Content::File:
      return std::move(file_);
    case Content::Source:
      return std::unique_ptr<worker::Source>(std::move(source_));
    case Content::Constant:
      return constant_;
    case Content::None:
    case Content::Failed:
      break;
  }
  return std::string_view();
}

// In our own words. With more fields than fit beside them, none of them.
void Call::answer_failure(worker::Exchange& exchange, std::span<const http::Field> fields) const {
  constexpr size_t kMostBytes = 2048;
  size_t bytes = 0;
  for (const http::Field& each : fields) bytes += each.name.size() + each.value.size() + 4;
  if (bytes > kMostBytes) fields = {};
  exchange.answer_error(status_, body_, fields);
}

void Call::answer_wire() {
  if (wire_->exchange != nullptr) answer(*wire_->exchange);
}

void Call::answer(worker::Exchange& exchange) {
  if (content_ == Content::Constant && !is_dirty_) [[likely]] {
    exchange.answer({.content_type = shown_type_, .content = constant_});
    return;
  }
  views_.clear();
  for (const OwnField& each : fields_) views_.push_back({each.name, each.value});
  if (content_ == Content::Failed) return answer_failure(exchange, views_);
  if (source_ != nullptr) source_->set_exchange(exchange);
  exchange.answer(
      {.status = status_,
       .content_type = shown_type_,
       .fields = views_,
       .content = take_content(),
       .persistence = closes_ ? worker::Persistence::Close : worker::Persistence::Keep});
}

}  // namespace sockherd::module
