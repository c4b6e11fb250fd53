#include "admin/api/api.h"

#include <exception>
#include <utility>

#include "admin/api/endpoints.h"
#include "admin/api/problem.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

namespace sockherd::api {
namespace {

using metrics::AdminCounts;
using metrics::Refused;
using metrics::Snapshot;

constexpr std::chrono::seconds kRefusalLogInterval{10};

// The other border of the exceptions: a reply may hold what its renderer does not expect.
template <typename Render, typename Source>
Answer render_guarded(const Render& render, const Source& source, const std::string& instance) {
  try {
    return render(source);
  } catch (const std::exception& error) {
    log::error("admin-render-failed", {{"path", instance}, {"reason", error.what()}});
    return answer({.title = "The admin server failed", .detail = "See its log."}, instance);
  }
}

Answer no_such_path(const Request& request) {
  return answer({404, "no-such-path", "There is no such path"}, request.path);
}

Answer wrong_method(const Request& request, const std::string& allowed) {
  return answer({.status = 405,
                 .type = "wrong-method",
                 .title = "This path does not take that method",
                 .detail = "It takes " + allowed + ".",
                 .errors = {},
                 .fields = {{"Allow", allowed}}},
                request.path);
}

Answer options(const std::string& allowed) {
  return {204, "", "", {{"Allow", allowed}}};
}

}  // namespace

Api::Api(bus::Client& client, AccessRules rules, std::function<AdminCounts()> server_counts)
    : client_(client),
      rules_(std::move(rules)),
      server_counts_(std::move(server_counts)),
      gatherer_(client, [this] { return counts(); }) {}

AdminCounts Api::counts() const {
  AdminCounts counts = server_counts_();
  counts.refused = refused_;
  counts.log_warnings = log::count(log::Level::Warning);
  counts.log_errors = log::count(log::Level::Error);
  return counts;
}

std::optional<Answer> Api::screen(const Request& request) {
  if (const auto reason = rules_.check(request)) return refuse(*reason, request);
  if (request.form == http::TargetForm::Asterisk) return options("GET, HEAD, POST, PUT, OPTIONS");
  const PathMatch match = match_path(request.path);
  if (match.endpoints.empty()) return no_such_path(request);
  if (request.method == http::Method::Options) return options(match.allowed_methods());
  const Endpoint* endpoint = match.find(request.method);
  if (endpoint == nullptr) return wrong_method(request, match.allowed_methods());
  if (const auto reason = AccessRules::check_content_type(request, *endpoint))
    return refuse(*reason, request);
  return std::nullopt;
}

Answer Api::refuse(Refused reason, const Request& request) {
  ++refused_[static_cast<size_t>(reason)];
  log_refusal(reason, request);
  return answer(refusal(reason), request.path);
}

// Whoever is refused must not be able to fill the log.
void Api::log_refusal(Refused reason, const Request& request) {
  const Instant now = monotonic_now();
  const bool is_first = refusal_logged_ == Instant{};
  if (!is_first && now - refusal_logged_ < kRefusalLogInterval) {
    ++refusals_not_logged_;
    return;
  }
  log::warn("admin-request-refused", {{"peer", request.peer.name},
                                      {"path", request.path},
                                      {"reason", refusal(reason).type},
                                      {"not_logged", std::exchange(refusals_not_logged_, 0)}});
  refusal_logged_ = now;
}

void Api::handle(const Request& request, Respond respond) {
  const Endpoint* endpoint = match_path(request.path).find(request.method);
  const bool changes = endpoint != nullptr && endpoint->effect == Effect::Changes;
  Outcome outcome = router_.route(request, client_.is_connected());
  if (auto* call = std::get_if<Call>(&outcome))
    return execute(std::move(*call), request, changes, std::move(respond));
  if (auto* gather = std::get_if<Gather>(&outcome))
    return execute(std::move(*gather), request, std::move(respond));
  const Answer& decided = std::get<Answer>(outcome);
  if (changes) audit(audit_subject(request), decided);
  respond(decided);
}

void Api::execute(Call call, const Request& request, bool changes, Respond respond) {
  const bool respond_later = !call.answer_at_once;
  if (!respond_later) respond(*std::move(call.answer_at_once));
  client_.call_async(
      call.method, call.arguments, call.timeout,
      [changes, respond_later, subject = audit_subject(request), instance = request.path,
       render = std::move(call.render), respond = std::move(respond)](const bus::Reply& reply) {
        Answer rendered = render_guarded(render, reply, instance);
        if (changes) audit(subject, rendered);
        if (respond_later) respond(std::move(rendered));
      });
}

void Api::execute(Gather gather, const Request& request, Respond respond) {
  gatherer_.gather([instance = request.path, render = std::move(gather.render),
                    respond = std::move(respond)](const Gatherer::Gathered& gathered) {
    if (const auto* snapshot = std::get_if<Snapshot>(&gathered))
      return respond(render_guarded(render, *snapshot, instance));
    respond(answer(problem_of(std::get<bus::CallError>(gathered)), instance));
  });
}

}  // namespace sockherd::api
