#include "admin/api/message.h"

#include <algorithm>

#include "admin/api/endpoints.h"

namespace sockherd::api {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::vector<std::string_view> Request::values(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const HeaderField& field : fields)
    if (equal_ignoring_case(field.name, name)) found.emplace_back(field.value);
  return found;
}

Request make_request(const http::RequestHead& head, const Peer& peer) {
  Request request{.method = head.method,
                  .form = head.form,
                  .path = normalize_path(head.path),
                  .query = std::string(head.query),
                  .host = std::string(head.host),
                  .upgrade = head.upgrade || head.field("Upgrade").data() != nullptr,
                  .fields = {},
                  .body = {},
                  .peer = peer};
  for (const http::Field& field : head.fields())
    request.fields.push_back({std::string(field.name), std::string(field.value)});
  return request;
}

std::string_view query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == key) return pair.substr(std::min(equals + 1, pair.size()));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

}  // namespace sockherd::api
