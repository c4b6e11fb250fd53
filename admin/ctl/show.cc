#include "admin/ctl/actions.h"
#include "admin/ctl/control.h"
#include "admin/ctl/exit_code.h"
#include "admin/ctl/json.h"
#include "admin/ctl/views.h"
#include "daemon/base/version.h"

namespace sockherd::ctl {

Result<void> show_status(const Request& request, Answer& answer) {
  Control control = TRY(Control::open(request));
  const bus::Dictionary status = TRY(control.status());
  const std::vector<bus::Dictionary> pools = TRY(control.pools());
  if (request.json)
    answer.data = dump({{"daemon", to_json(status)}, {"pools", to_json(pools)}});
  else
    answer.data = view_status(status, request.unix_time, request.palette) + "\n" +
                  view_pools(pools, request.palette);
  return {};
}

Result<void> show_workers(const Request& request, Answer& answer) {
  Control control = TRY(Control::open(request));
  const std::vector<bus::Dictionary> workers = TRY(control.workers(request.argument("POOL")));
  answer.data =
      request.json ? dump({{"workers", to_json(workers)}}) : view_workers(workers, request.palette);
  return {};
}

Result<void> show_listeners(const Request& request, Answer& answer) {
  Control control = TRY(Control::open(request));
  const std::vector<bus::Dictionary> listeners = TRY(control.listeners());
  answer.data = request.json ? dump({{"listeners", to_json(listeners)}})
                             : view_listeners(listeners, request.palette);
  return {};
}

// That the daemon is not there is an answer here, not a failure.
Result<void> show_version(const Request& request, Answer& answer) {
  Result<Control> control = Control::open(request);
  const Result<bus::Dictionary> status =
      control.ok() ? control.value().status() : Result<bus::Dictionary>(control.error());
  const std::string daemon = status.ok() ? printable(status.value().text("version")) : "";
  if (request.json) {
    answer.data = dump(
        {{"sockherdctl", kVersion}, {"sockherd", daemon.empty() ? Json(nullptr) : Json(daemon)}});
    return {};
  }
  answer.data = "sockherdctl " + std::string(kVersion) + "\nsockherd " +
                (daemon.empty() ? "not reached" : daemon) + "\n";
  if (!status.ok()) answer.remarks = status.error().what + "\n";
  return {};
}

}  // namespace sockherd::ctl
