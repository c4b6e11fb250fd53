// The handlers: one function for each row of the endpoint table, from a request to an Outcome.
//
// health.cc has the probes, views.cc what is read, events.cc what has happened, controls.cc what
// changes things, exposition.cc the metrics. They throw nothing but what nlohmann-json and the
// allocator throw; router.cc and api.cc catch that.
#pragma once

#include <span>
#include <string>

#include "admin/api/endpoints.h"
#include "admin/api/message.h"
#include "admin/api/outcome.h"

namespace sockherd::api {

struct Context {
  const Request& request;
  std::span<const std::string> parameters;  // the "{name}" segments of the path, in order
  bool supervisor_connected = true;
};

using Handler = Outcome (*)(const Context&);
Handler handler_of(EndpointId id);

Outcome dashboard(const Context& context);
Outcome metrics_text(const Context& context);
Outcome livez(const Context& context);
Outcome readyz(const Context& context);
Outcome status(const Context& context);
Outcome pools(const Context& context);
Outcome pool(const Context& context);
Outcome workers(const Context& context);
Outcome listeners(const Context& context);
Outcome events(const Context& context);
Outcome set_desired(const Context& context);
Outcome reload(const Context& context);
Outcome restart_worker(const Context& context);
Outcome restart_pool(const Context& context);

}  // namespace sockherd::api
