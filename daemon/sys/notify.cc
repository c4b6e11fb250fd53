#include "daemon/sys/notify.h"

#include <systemd/sd-daemon.h>

#include <string>

namespace sockherd::sys {

Result<void> notify(std::string_view state) {
  const int sent = ::sd_notify(/*unset_environment=*/0, std::string(state).c_str());
  if (sent < 0) return errno_error("sd_notify", -sent);
  return {};
}

}  // namespace sockherd::sys
