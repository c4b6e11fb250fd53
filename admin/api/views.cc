// What can be read: the daemon, pools, workers, listeners, and the dashboard page.
//
// Dictionaries of the bus become JSON members as they come, so a key that the supervisor learns
// appears here without a change.
#include <algorithm>

#include "admin/api/handlers.h"
#include "admin/api/json_text.h"
#include "admin/api/problem.h"
#include "admin/web/dashboard.h"

namespace sockherd::api {
namespace {

using bus::Dictionary;
using metrics::Snapshot;
using nlohmann::ordered_json;
using stats::Count;
using stats::Totals;

// The page's own script and style are inline; their hashes let nothing else run.
Answer page(std::string_view html) {
  return {
      200,
      "text/html; charset=utf-8",
      std::string(html),
      {{"Content-Security-Policy", web::dashboard_policy()}, {"Referrer-Policy", "no-referrer"}}};
}

Answer json_answer(const ordered_json& json) {
  return {200, "application/json", json_text(json), {}};
}

ordered_json traffic_json(const Totals& totals) {
  ordered_json json;
  json["connections"] = totals.open_connections();
  json["connections_accepted"] = totals.get(Count::ConnectionsAccepted);
  json["connections_refused"] = totals.get(Count::ConnectionsRefused);
  json["requests"] = totals.get(Count::Requests);
  json["responses"] = {{"1xx", totals.get(Count::Responses1xx)},
                       {"2xx", totals.get(Count::Responses2xx)},
                       {"3xx", totals.get(Count::Responses3xx)},
                       {"4xx", totals.get(Count::Responses4xx)},
                       {"5xx", totals.get(Count::Responses5xx)}};
  json["bytes_received"] = totals.get(Count::BytesReceived);
  json["bytes_sent"] = totals.get(Count::BytesSent);
  return json;
}

Totals sum_of(const std::vector<Totals>& slots) {
  Totals sum;
  for (const Totals& slot : slots) sum.add(slot);
  return sum;
}

const std::vector<Totals>* traffic_of(const Snapshot& snapshot, const std::string& pool) {
  const auto found = snapshot.traffic.find(pool);
  return found == snapshot.traffic.end() ? nullptr : &found->second;
}

ordered_json pool_json(const Snapshot& snapshot, const Dictionary& pool) {
  ordered_json json = to_json(pool);
  const auto* traffic = traffic_of(snapshot, pool.text("name"));
  if (traffic != nullptr) json["traffic"] = traffic_json(sum_of(*traffic));
  return json;
}

ordered_json worker_json(const Snapshot& snapshot, const Dictionary& worker) {
  ordered_json json = to_json(worker);
  const auto* traffic = traffic_of(snapshot, worker.text("pool"));
  const uint64_t slot = worker.count("slot");
  if (traffic != nullptr && slot < traffic->size())
    json["slot_traffic"] = traffic_json((*traffic)[slot]);
  return json;
}

Answer render_status(const Snapshot& snapshot) {
  Totals totals;
  for (const auto& [pool, slots] : snapshot.traffic) totals.add(sum_of(slots));
  ordered_json json = to_json(snapshot.status);
  json["totals"] = traffic_json(totals);
  return json_answer(json);
}

Answer render_pools(const Snapshot& snapshot) {
  ordered_json list = ordered_json::array();
  for (const Dictionary& pool : snapshot.pools) list.push_back(pool_json(snapshot, pool));
  return json_answer({{"pools", list}});
}

const Dictionary* find_pool(const Snapshot& snapshot, std::string_view name) {
  const auto found =
      std::find_if(snapshot.pools.begin(), snapshot.pools.end(),
                   [&](const Dictionary& pool) { return pool.text("name") == name; });
  return found == snapshot.pools.end() ? nullptr : &*found;
}

Answer no_such_pool(const std::string& name, const std::string& instance) {
  return answer(problem_of({bus::kErrorNoSuchPool, "there is no pool \"" + name + "\""}), instance);
}

Answer render_workers(const Snapshot& snapshot, const std::string& pool) {
  ordered_json list = ordered_json::array();
  for (const Dictionary& worker : snapshot.workers)
    if (worker.text("pool") == pool) list.push_back(worker_json(snapshot, worker));
  return json_answer({{"pool", pool}, {"workers", list}});
}

Answer render_listeners(const Snapshot& snapshot) {
  ordered_json list = ordered_json::array();
  for (const Dictionary& listener : snapshot.listeners) list.push_back(to_json(listener));
  return json_answer({{"listeners", list}});
}

}  // namespace

Outcome dashboard(const Context&) {
  return page(web::dashboard());
}

Outcome status(const Context&) {
  return Gather{render_status};
}

Outcome pools(const Context&) {
  return Gather{render_pools};
}

Outcome pool(const Context& context) {
  return Gather{
      [name = context.parameters[0], instance = context.request.path](const Snapshot& snapshot) {
        const Dictionary* found = find_pool(snapshot, name);
        if (found == nullptr) return no_such_pool(name, instance);
        return json_answer(pool_json(snapshot, *found));
      }};
}

Outcome workers(const Context& context) {
  return Gather{
      [name = context.parameters[0], instance = context.request.path](const Snapshot& snapshot) {
        if (find_pool(snapshot, name) == nullptr) return no_such_pool(name, instance);
        return render_workers(snapshot, name);
      }};
}

Outcome listeners(const Context&) {
  return Gather{render_listeners};
}

}  // namespace sockherd::api
