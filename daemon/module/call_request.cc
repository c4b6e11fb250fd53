// A Call as a request: what handlers ask of it.
#include <arpa/inet.h>

#include <array>
#include <utility>

#include "daemon/http/characters.h"
#include "daemon/module/application.h"
#include "daemon/module/call.h"
#include "daemon/worker/access_record.h"

namespace sockherd::module {
namespace {

constexpr size_t kMostPairs = 1000;

}  // namespace

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

std::any& Call::local(std::string_view name) {
  auto& locals = lazy().locals;
  const auto found = locals.find(name);
  if (found != locals.end()) return found->second;
  return locals.emplace(name, std::any()).first->second;
}

}  // namespace sockherd::module
