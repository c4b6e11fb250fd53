// Api: what the server asks when a request's head is there, and when the whole request is there.
//
// Order of the checks: access rules, path (404), method (405, OPTIONS), content type (415), all on
// the head alone, then content and handler. Executes the handler's Outcome: it is the one that
// waits for the supervisor.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "admin/api/access.h"
#include "admin/api/audit.h"
#include "admin/api/gatherer.h"
#include "admin/api/message.h"
#include "admin/api/outcome.h"
#include "admin/api/router.h"
#include "daemon/base/instant.h"
#include "daemon/bus/client.h"

namespace sockherd::api {

class Api {
 public:
  // Borrows the client, which must outlive this. server_counts: what the server counts; the reasons
  // of refusals and the log lines are added here.
  Api(bus::Client& client, AccessRules rules, std::function<metrics::AdminCounts()> server_counts);

  // Decides on the head alone: an answer where the content is not worth reading.
  std::optional<Answer> screen(const Request& request);

  // Answers a request that passed screen(). Calls `respond` exactly once, maybe before it returns.
  void handle(const Request& request, Respond respond);

 private:
  Answer refuse(metrics::Refused reason, const Request& request);
  void log_refusal(metrics::Refused reason, const Request& request);
  void execute(Call call, const Request& request, bool changes, Respond respond);
  void execute(Gather gather, const Request& request, Respond respond);
  metrics::AdminCounts counts() const;

  bus::Client& client_;
  AccessRules rules_;
  std::function<metrics::AdminCounts()> server_counts_;
  Router router_;
  Gatherer gatherer_;
  std::array<uint64_t, metrics::kRefusedReasons> refused_{};
  Instant refusal_logged_{};
  uint64_t refusals_not_logged_ = 0;
};

}  // namespace sockherd::api
