// What changes things: scaling, reload, restarts.
#include <algorithm>
#include <limits>

#include "admin/api/handlers.h"
#include "admin/api/json_input.h"
#include "admin/api/json_text.h"
#include "daemon/base/parse.h"

namespace sockherd::api {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::seconds kScaleTimeout{10};
// A rolling replacement waits for the start of every worker in turn. After this the supervisor
// still carries on; only the client is told that we have stopped waiting.
constexpr std::chrono::minutes kRolloutTimeout{30};

// Slots and workers are counted in 32 bits on the bus; the real bounds are the supervisor's, and
// its message names them.
constexpr int64_t kMostWorkers = std::numeric_limits<int32_t>::max();

// For the supervisor's log.
std::string asker(const Context& context) {
  return "admin, " + context.request.peer.name;
}

Answer outcome_answer(const bus::Outcome& outcome) {
  ordered_json json;
  json["ok"] = outcome.ok;
  json["duration_seconds"] = outcome.seconds;
  json["reasons"] = outcome.reasons;
  return {200, "application/json", json_text(json), {}};
}

Problem problem_of_failure(const std::string& failure) {
  if (failure == bus::kFailedConfiguration) {
    return {422, "configuration-refused", "The configuration was refused", "Nothing was changed."};
  }
  if (failure == bus::kFailedResources) {
    return {503, "unavailable", "The kernel refused what the configuration needs",
            "Nothing was changed."};
  }
  if (failure == bus::kFailedStopping) return {503, "stopping", "The daemon is stopping", ""};
  return {500, "workers-failed", "New workers did not become ready",
          "What was running before keeps running."};
}

Problem problem_of_outcome(const bus::Outcome& outcome) {
  Problem problem = problem_of_failure(outcome.failure);
  for (const std::string& reason : outcome.reasons) problem.errors.push_back({reason, {}, {}});
  return problem;
}

Answer render_outcome(const bus::Reply& reply, const std::string& instance) {
  if (!reply.ok()) return answer(problem_of(reply.error), instance);
  const auto outcome = bus::read_outcome(reply.message);
  if (!outcome.ok()) return answer({.detail = outcome.error().what}, instance);
  if (!outcome.value().ok) return answer(problem_of_outcome(outcome.value()), instance);
  return outcome_answer(outcome.value());
}

// The supervisor knows the bounds, we know the member: together they say what to change.
Answer render_scaled(const bus::Reply& reply, uint32_t wanted, const std::string& instance) {
  if (!reply.ok()) {
    Problem problem = problem_of(reply.error);
    if (problem.status == 422) problem.errors.push_back({reply.error.message, "/workers", {}});
    return answer(problem, instance);
  }
  uint32_t before = 0;
  if (sd_bus_message_read(reply.message, "u", &before) < 0)
    return answer({.detail = "unreadable reply of SetWorkers"}, instance);
  return {200, "application/json", json_text({{"workers", wanted}, {"before", before}}), {}};
}

// The content of what takes none: empty, or {}.
std::optional<Answer> refuse_content(const Context& context) {
  auto content = read_numbers(context.request.body, {});
  if (const auto* problem = std::get_if<Problem>(&content))
    return answer(*problem, context.request.path);
  return std::nullopt;
}

Outcome rollout(const Context& context, const char* method, bus::Client::Arguments arguments) {
  if (auto refused = refuse_content(context)) return *std::move(refused);
  return Call{.method = method,
              .arguments = std::move(arguments),
              .timeout = kRolloutTimeout,
              .render = [instance = context.request.path](const bus::Reply& reply) {
                return render_outcome(reply, instance);
              }};
}

}  // namespace

Outcome set_desired(const Context& context) {
  static constexpr NumberMember kMembers[] = {{"workers", 0, kMostWorkers}};
  auto content = read_numbers(context.request.body, kMembers);
  if (const auto* problem = std::get_if<Problem>(&content))
    return answer(*problem, context.request.path);
  const auto wanted = static_cast<uint32_t>(std::get<Numbers>(content)["workers"]);
  return Call{.method = "SetWorkers",
              .arguments = {context.parameters[0], wanted, asker(context)},
              .timeout = kScaleTimeout,
              .render = [wanted, instance = context.request.path](const bus::Reply& reply) {
                return render_scaled(reply, wanted, instance);
              }};
}

Outcome reload(const Context& context) {
  const std::string_view wait = query_value(context.request.query, "wait");
  if (wait.data() != nullptr && wait != "0" && wait != "1") {
    return answer(
        {400, "bad-query", "The query is not what this endpoint takes", "wait must be 0 or 1."},
        context.request.path);
  }
  Outcome outcome = rollout(context, "Reload", {asker(context)});
  if (auto* call = std::get_if<Call>(&outcome); call != nullptr && wait == "0") {
    call->answer_at_once = Answer{
        202, "application/json", json_text({{"accepted", true}}), {{"Location", "/v1/status"}}};
  }
  return outcome;
}

Outcome restart_worker(const Context& context) {
  const auto slot = parse_number<int32_t>(context.parameters[1]);
  if (!slot || *slot < 0) {
    return answer(problem_of({bus::kErrorNoSuchSlot,
                              "\"" + context.parameters[1] + "\" is not the number of a slot"}),
                  context.request.path);
  }
  return rollout(context, "Restart", {context.parameters[0], *slot, asker(context)});
}

Outcome restart_pool(const Context& context) {
  return rollout(context, "Restart", {context.parameters[0], int32_t{-1}, asker(context)});
}

}  // namespace sockherd::api
