// The audit log: one line for each request that changes things, whether it did or not.
#pragma once

#include <string>

#include "admin/api/message.h"

namespace sockherd::api {

// What was asked and by whom; taken before the request is gone.
struct AuditSubject {
  std::string peer;
  std::string what;     // "PUT /v1/pools/web/desired"
  std::string content;  // its start; there are no secrets in what the API takes
};
AuditSubject audit_subject(const Request& request);

// Writes the line: admin-change peer=... what=... status=200.
void audit(const AuditSubject& subject, const Answer& answer);

}  // namespace sockherd::api
