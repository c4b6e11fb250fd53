#include "admin/api/audit.h"

#include "daemon/base/log.h"

namespace sockherd::api {
namespace {

constexpr size_t kMostContent = 200;

}  // namespace

AuditSubject audit_subject(const Request& request) {
  return {request.peer.name, std::string(http::method_name(request.method)) + " " + request.path,
          request.body.substr(0, kMostContent)};
}

void audit(const AuditSubject& subject, const Answer& answer) {
  log::notice("admin-change", {{"peer", subject.peer},
                               {"what", subject.what},
                               {"content", subject.content},
                               {"status", answer.status},
                               {"result", answer.status < 300 ? "done" : "failed"}});
}

}  // namespace sockherd::api
