#include "daemon/module/call.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "daemon/http/characters.h"
#include "daemon/http/media_type.h"
#include "daemon/http/status.h"
#include "daemon/module/application.h"
#include "daemon/module/event_stream.h"
#include "daemon/module/stream.h"
#include "daemon/worker/access_record.h"

namespace sockherd::module {
namespace {

constexpr size_t kMostPairs = 1000;

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

// Nobody can answer any more.
Call::~Call() {
  if (wire_ != nullptr && wire_->exchange != nullptr) {
    application_.answer_forgotten(wire_, std::string(route()));
  }
}

void Call::reset_all() {
  is_dirty_ = is_blocking_ = is_kept_ = is_sent_ = closes_ = false;
  status_ = 200;
  values_.count = 0;
  wire_.reset();
  lazy_.reset();
  fields_.clear();
  body_in_ = {};
  clear_content();
}

void Call::clear_content() {
  content_ = Content::None;
  body_.clear();
  source_.reset();
  file_ = {};
}

// One piece of memory for all of it; the views move there.
void Call::own() {
  if (head_ == nullptr) return;
  const http::RequestHead& head = *head_;
  size_t bytes = target_.size() + path_.size();
  for (const http::Field& field : head.fields()) bytes += field.name.size() + field.value.size();
  copy_.clear();
  copy_.reserve(bytes);
  const auto copy = [this](std::string_view text) {
    const size_t begin = copy_.size();
    copy_ += text;
    return std::string_view(copy_).substr(begin, text.size());
  };
  std::vector<app::Header>& headers = lazy().headers;
  headers.clear();
  const std::string_view path = copy(path_);
  for (size_t i = 0; i < values_.count; ++i) {
    std::string_view& value = values_.values[i];
    value = value.empty()
                ? std::string_view()
                : path.substr(static_cast<size_t>(value.data() - path_.data()), value.size());
  }
  path_ = path;
  const std::string_view target = copy(target_);
  query_ = query_.empty()
               ? std::string_view()
               : target.substr(static_cast<size_t>(query_.data() - target_.data()), query_.size());
  target_ = target;
  for (const http::Field& field : head.fields()) {
    const std::string_view name = copy(field.name);
    headers.push_back({name, copy(field.value)});
  }
  head_ = nullptr;
}

Call::Lazy& Call::lazy() const {
  is_dirty_ = true;
  if (lazy_ == nullptr) lazy_ = std::make_unique<Lazy>();
  return *lazy_;
}

// --- Request

std::string_view Call::prefix() const {
  return application_.prefix();
}

std::string_view Call::route() const {
  return route_ == nullptr ? std::string_view() : std::string_view(route_->pattern);
}

std::string_view Call::param(std::string_view name) const {
  if (route_ == nullptr) return {};
  for (size_t i = 0; i < route_->names.size(); ++i) {
    if (route_->names[i] == name) return values_.values[i];
  }
  return {};
}

Call::Named Call::named(std::optional<http::NamedValues> values, const char* fault) {
  if (!values) throw app::HttpError(400, fault);
  Named named{std::move(*values), {}};
  for (const http::NamedValue& each : named.values.pairs()) {
    named.pairs.push_back({each.name, each.value});
  }
  return named;
}

std::span<const app::Pair> Call::queries() const {
  std::optional<Named>& queries = lazy().queries;
  if (!queries) {
    queries = named(http::parse_urlencoded(query_, kMostPairs), "the query has too many parts");
  }
  return queries->pairs;
}

std::optional<std::string_view> Call::query(std::string_view name) const {
  if (query_.empty()) return std::nullopt;
  queries();
  return lazy_->queries->values.find(name);
}

std::optional<std::string_view> Call::header(std::string_view name) const {
  if (head_ != nullptr) {
    const std::string_view value = head_->field(name);
    if (value.data() == nullptr) return std::nullopt;
    return value;
  }
  for (const app::Header& each : lazy().headers) {
    if (http::equals_ignore_case(each.name, name)) return each.value;
  }
  return std::nullopt;
}

std::span<const app::Header> Call::headers() const {
  std::vector<app::Header>& headers = lazy().headers;
  if (head_ != nullptr && headers.empty()) {
    for (const http::Field& field : head_->fields()) headers.push_back({field.name, field.value});
  }
  return headers;
}

std::optional<std::string_view> Call::cookie(std::string_view name) const {
  std::optional<Named>& cookies = lazy().cookies;
  if (!cookies) {
    std::vector<std::string_view> fields;
    for (const app::Header& each : headers()) {
      if (http::equals_ignore_case(each.name, "cookie")) fields.push_back(each.value);
    }
    cookies = named(http::parse_cookies(fields, kMostPairs), "there are too many cookies");
  }
  return cookies->values.find(name);
}

const Call::Named& Call::urlencoded() const {
  std::optional<Named>& values = lazy().urlencoded;
  if (values) return *values;
  const std::string_view type = header("content-type").value_or("");
  const std::string_view essence = http::trim_blanks(type.substr(0, type.find(';')));
  if (!http::equals_ignore_case(essence, "application/x-www-form-urlencoded")) {
    throw app::HttpError(415, "the body is no form");
  }
  values = named(http::parse_urlencoded(body_in_, kMostPairs), "the form has too many fields");
  return *values;
}

std::span<const app::Pair> Call::forms() const {
  if (lazy().multipart != nullptr) return lazy_->multipart->fields();
  return urlencoded().pairs;
}

std::optional<std::string_view> Call::form(std::string_view name) const {
  for (const app::Pair& each : forms()) {
    if (each.name == name) return each.value;
  }
  return std::nullopt;
}

std::span<const app::Upload* const> Call::files() const {
  if (lazy().multipart == nullptr) return {};
  return lazy_->multipart->files();
}

// Asks the kernel once.
std::string_view Call::client() const {
  std::string& client = lazy().client;
  const worker::Exchange* exchange = wire_ != nullptr ? wire_->exchange : exchange_;
  if (!client.empty() || exchange == nullptr) return client;
  const worker::ClientAddress address = worker::ClientAddress::of(exchange->socket());
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_known() &&
      ::inet_ntop(address.family, address.bytes.data(), text.data(), text.size()) != nullptr) {
    client = text.data();
  }
  return client;
}

void Call::set_blocking() {
  client();
  exchange_ = nullptr;
  is_blocking_ = true;
}

std::any& Call::local(std::string_view name) {
  auto& locals = lazy().locals;
  const auto found = locals.find(name);
  if (found != locals.end()) return found->second;
  return locals.emplace(name, std::any()).first->second;
}

// --- Response

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
