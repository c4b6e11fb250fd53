// What has happened: the supervisor's events, as they come.
#include "admin/api/handlers.h"
#include "admin/api/json_text.h"
#include "admin/api/problem.h"
#include "daemon/base/parse.h"

namespace sockherd::api {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::seconds kTimeout{5};
constexpr uint32_t kUsual = 100;
constexpr uint32_t kMost = 1000;

Answer render_events(const bus::Reply& reply, const std::string& instance) {
  if (!reply.ok()) return answer(problem_of(reply.error), instance);
  const auto events = bus::read_dictionaries(reply.message);
  if (!events.ok()) return answer({.detail = events.error().what}, instance);
  const auto page = bus::read_dictionary(reply.message);
  if (!page.ok()) return answer({.detail = page.error().what}, instance);
  ordered_json list = ordered_json::array();
  for (const bus::Dictionary& event : events.value()) list.push_back(to_json(event));
  ordered_json json = to_json(page.value());
  json["events"] = std::move(list);
  return {200, "application/json", json_text(json), {}};
}

// A number of the query, or `fallback` where it is missing; nothing where it is none.
template <typename Number>
std::optional<Number> number_of(const Context& context, std::string_view key, Number fallback) {
  const std::string_view value = query_value(context.request.query, key);
  return value.data() == nullptr ? fallback : parse_number<Number>(value);
}

}  // namespace

Outcome events(const Context& context) {
  const auto since = number_of<uint64_t>(context, "since", 0);
  const auto limit = number_of<uint32_t>(context, "limit", kUsual);
  if (!since || !limit || *limit < 1 || *limit > kMost) {
    return answer({400, "bad-query", "The query is not what this endpoint takes",
                   "since must be a number, limit one from 1 to " + std::to_string(kMost) + "."},
                  context.request.path);
  }
  return Call{.method = "ListEvents",
              .arguments = {*since, *limit},
              .timeout = kTimeout,
              .render = [instance = context.request.path](const bus::Reply& reply) {
                return render_events(reply, instance);
              }};
}

}  // namespace sockherd::api
