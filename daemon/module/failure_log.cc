#include "daemon/module/failure_log.h"

#include <chrono>
#include <utility>

#include "daemon/base/log.h"

namespace sockherd::module {

void FailureLog::tell(Instant now, std::string_view module, std::string_view where,
                      std::string_view what) {
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  if (lines_ == kMostLines) {
    ++dropped_;
    return;
  }
  ++lines_;
  const uint64_t dropped = std::exchange(dropped_, 0);
  if (dropped == 0) {
    log::error("handler-failed", {{"module", module}, {"where", where}, {"error", what}});
  } else {
    log::error("handler-failed",
               {{"module", module}, {"where", where}, {"error", what}, {"not_logged", dropped}});
  }
}

}  // namespace sockherd::module
