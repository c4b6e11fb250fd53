#include "admin/api/handlers.h"

#include "daemon/base/assert.h"

namespace sockherd::api {

Handler handler_of(EndpointId id) {
  switch (id) {
    case EndpointId::Dashboard:
      return dashboard;
    case EndpointId::Metrics:
      return metrics_text;
    case EndpointId::Livez:
      return livez;
    case EndpointId::Readyz:
      return readyz;
    case EndpointId::Status:
      return status;
    case EndpointId::Pools:
      return pools;
    case EndpointId::Pool:
      return pool;
    case EndpointId::Workers:
      return workers;
    case EndpointId::Desired:
      return set_desired;
    case EndpointId::RestartWorker:
      return restart_worker;
    case EndpointId::RestartPool:
      return restart_pool;
    case EndpointId::Listeners:
      return listeners;
    case EndpointId::Events:
      return events;
    case EndpointId::Reload:
      return reload;
  }
  SH_ASSERT(!"an endpoint without a handler");
  return nullptr;
}

}  // namespace sockherd::api
